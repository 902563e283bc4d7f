from __future__ import annotations

import json

import pytest

from atdata.cli.output import fail, print_fields, print_list, print_table
from atdata.errors import DigestMismatch

ERROR = DigestMismatch("other bytes", shard="a.tar", offset=512, hint="Fetch it again.")


def test_an_error_for_people_has_its_place_and_the_next_step(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert fail(ERROR, as_json=False) == 5
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "error: other bytes (shard a.tar, offset 512)\n  Fetch it again.\n"


def test_an_error_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    fail(ERROR, as_json=True)
    assert json.loads(capsys.readouterr().err)["error"] == {
        "type": "DigestMismatch",
        "message": "other bytes",
        "shard": "a.tar",
        "offset": 512,
        "hint": "Fetch it again.",
        "exit": 5,
    }


def test_fields_are_aligned_and_unknown_ones_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    print_fields([("name", "x"), ("unknown", None), ("data urls", ["a", "b"])])
    assert capsys.readouterr().out == "name       x\ndata urls  a\n           b\n"


def test_tables(capsys: pytest.CaptureFixture[str]) -> None:
    print_table([("a", "1"), ("bbb", "")], empty="nothing")
    print_table([], empty="nothing")
    assert capsys.readouterr().out == "a    1\nbbb\nnothing\n"


def test_lists_are_arrays_for_programs_and_tables_for_readers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    items = [{"name": "a"}, {"name": "b"}]
    print_list(items, lambda one: (one["name"],), as_json=True, empty="nothing")
    print_list([], lambda one: (one["name"],), as_json=True, empty="nothing")
    assert (
        capsys.readouterr().out
        == '[\n  {\n    "name": "a"\n  },\n  {\n    "name": "b"\n  }\n]\n[]\n'
    )
    print_list(items, lambda one: (one["name"],), as_json=False, empty="nothing")
    assert capsys.readouterr().out == "a\nb\n"
