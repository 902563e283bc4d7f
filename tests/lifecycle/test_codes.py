"""The table of codes contains exactly the codes in use."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import atdata
from atdata.cli.exits import report_exit
from atdata.errors import AtdataError
from atdata.lifecycle.checks.shard import MAX_SAMPLE
from atdata.lifecycle.codes import CLASSES, CODES
from atdata.lifecycle.report import Finding, Report
from atdata.shards.tar import MAX_PAYLOAD

ROOMS = ("lifecycle", "shards", "storage")
EXITS = {"bug": 10, "integrity": 5, "trust": 5, "content": 3, "conflict": 6, "missing": 4}
CODE = re.compile(
    r"(MANIFEST|JSON|SUBJECT|SCHEMA|SHARD|FILE|TAR|NAME|KEY|SAMPLE|INDEX|FIELD|CONTENT|POLICY|PACK|"
    r"ANCHOR|RELEASE|STORE|CATALOG|ALIAS|GC)_[A-Z_]*[A-Z]|UNREADABLE|INTERNAL"
)


def codes_in_use() -> Iterator[str]:
    """Every text in the code that looks like a code."""
    home = Path(atdata.__file__).parent
    for room in ROOMS:
        for path in sorted((home / room).rglob("*.py")):
            if path.name == "codes.py":
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                text = node.value if isinstance(node, ast.Constant) else None
                if isinstance(text, str) and CODE.fullmatch(text):
                    yield text


def report(*codes: str) -> Report:
    findings = tuple(Finding(code, "wrong") for code in codes)
    return Report("dataset verify", "deep", "unverified", {}, findings=findings)


def test_the_table_contains_exactly_the_codes_in_use() -> None:
    assert set(codes_in_use()) == set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_code_gives_its_exit(code: str) -> None:
    found = report(code)
    assert report_exit(found) == EXITS[CODES[code].kind]
    assert found.checks[CODES[code].check] == "fail"
    with pytest.raises(CLASSES[CODES[code].kind], match=code):
        found.raise_for_findings()


def test_of_several_the_gravest_decides() -> None:
    codes = ["INTERNAL", "SHARD_DIGEST", "FIELD_TYPE", "RELEASE_CONFLICT", "SHARD_MISSING"]
    exits = [report_exit(report(*reversed(codes[number:]))) for number in range(len(codes))]
    assert exits == [10, 5, 3, 6, 4]


def test_a_sound_report_raises_nothing_and_exits_with_zero() -> None:
    sound = report()
    sound.raise_for_findings()
    assert report_exit(sound) == 0
    assert set(sound.checks.values()) == {"pass"}


def test_errors_of_ours_that_have_no_code_get_the_one_of_their_place() -> None:
    assert Finding.of(AtdataError("x"), code="UNREADABLE").code == "UNREADABLE"


def test_the_limit_in_words_is_the_limit_of_the_reader() -> None:
    assert f"{MAX_PAYLOAD >> 30} GiB" in CODES["TAR_TOO_LARGE"].meaning
    assert MAX_SAMPLE == MAX_PAYLOAD
