"""SECURITY.md promises only what a test holds."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROWS = [
    line
    for line in (ROOT / "SECURITY.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith("| promise ")
]
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


@cache
def defined_in(path: Path) -> set[str]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = ast.walk(ast.parse(path.read_text()))
    return {node.name for node in nodes if isinstance(node, functions)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[2:60])
def test_each_promise_has_a_bound_and_tests_that_exist(row: str) -> None:
    promise, bound, tests = (cell.strip() for cell in row.strip("|").split("|"))
    assert promise
    assert bound
    named = _TEST.findall(tests)
    assert named
    assert len(named) == tests.count("`") // 2
    for path, name in named:
        assert name in defined_in(ROOT / path), f"{path}::{name}"


def test_there_are_promises() -> None:
    assert len(ROWS) > 20
