from __future__ import annotations

from pathlib import Path

import pytest

from atdata import errors
from atdata.cli.exits import BUG, EXITS, MEANINGS, exit_code


def own_errors() -> list[type[errors.AtdataError]]:
    found = [
        thing
        for thing in vars(errors).values()
        if isinstance(thing, type) and issubclass(thing, errors.AtdataError)
    ]
    return [kind for kind in found if kind is not errors.AtdataError]


@pytest.mark.parametrize("kind", own_errors())
def test_every_error_has_a_documented_exit_code(kind: type[errors.AtdataError]) -> None:
    code = exit_code(kind("what is wrong"))
    assert code != BUG
    assert code in MEANINGS


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UrlError("x"), 2),
        (errors.RecordError("x"), 3),
        (errors.EntryNotFound("x"), 4),
        (errors.NetworkError("x"), 4),
        (errors.DigestMismatch("x"), 5),
        (errors.AddressRefused("x"), 5),
        (errors.SchemaConflict("x"), 6),
        (errors.EntryConflict("x"), 6),
        (ZeroDivisionError("x"), 10),
    ],
)
def test_exit_codes(error: BaseException, code: int) -> None:
    assert exit_code(error) == code


def test_the_special_comes_before_the_general() -> None:
    for number, (kind, _) in enumerate(EXITS):
        assert not any(issubclass(kind, earlier) for earlier, _ in EXITS[:number])


def test_the_readme_has_the_table_of_the_code() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    rows = "".join(f"| {code} | {meaning} |\n" for code, meaning in MEANINGS.items())
    assert f"| exit | meaning |\n| --- | --- |\n{rows}" in readme
