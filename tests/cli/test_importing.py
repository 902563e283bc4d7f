from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import atdata
from atdata.cli import main
from atdata.samples.schema import schema_cid, schema_document


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "photos.csv"
    path.write_text('name,class\nbird,3\n"cat, with a ""hat""",4\n')
    return path


def test_the_printed_class_is_that_of_the_dataset(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, kept = tmp_path / "out", tmp_path / "kept_photo.py"
    run = CliRunner().invoke(
        main, ["import", str(source), "--output", str(output), "--schema-out", str(kept), "--json"]
    )
    assert run.exit_code == 0, run.output
    facts = json.loads(run.output)
    assert facts["class"] == kept.read_text()
    assert facts["splits"][""]["samples"] == 2
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "kept_photo", None)
    del sys.modules["kept_photo"]
    from kept_photo import Photos  # type: ignore[import-not-found]

    found = schema_cid("Photos", "1.0.0", schema_document(Photos))
    assert found == facts["splits"][""]["schema_cid"]
    samples = list(atdata.Dataset[Photos](str(output)).ordered())
    assert samples == [Photos("bird", 3), Photos('cat, with a "hat"', 4)]


def test_text_output_has_the_class_and_the_numbers(source: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke(main, ["import", str(source), "--output", str(tmp_path / "out")])
    assert run.exit_code == 0, run.output
    assert "class Photos:\n    name: str\n" in run.output
    assert "2 samples in 1 shard" in run.output


def test_what_is_refused_has_an_exit_code_and_a_place(source: Path, tmp_path: Path) -> None:
    source.write_text("name,name\n")
    run = CliRunner().invoke(
        main, ["import", str(source), "--output", str(tmp_path / "out"), "--json"]
    )
    assert run.exit_code not in (0, 1)
    error = json.loads(run.stderr)["error"]
    assert error["type"] == "SchemaError"
    assert "twice" in error["message"]
    missing = CliRunner().invoke(main, ["import", "nothing.csv", "--output", "out"])
    assert missing.exit_code not in (0, 1)
    assert "no such file" in missing.stderr
