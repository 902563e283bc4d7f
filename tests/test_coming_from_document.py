"""The code of docs/coming-from.md runs, and its tables are true."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import atdata
from atdata.aliases import ALIASES

PAGE = (Path(__file__).parent.parent / "docs" / "coming-from.md").read_text("utf-8")
SAME, WORDS, LEFT_OUT = PAGE.split("\n## ")[1:]


def test_earlier_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # Sample types look up their annotations in the module of their name.
    page = ModuleType("earlier_code")
    monkeypatch.setitem(sys.modules, page.__name__, page)
    (block,) = re.findall(r"```python\n(.*?)```", SAME, re.S)
    exec(compile(block, "coming-from.md", "exec"), vars(page))
    assert (tmp_path / "readings.tar").is_file()
    assert vars(page)["dataset"].url == str(tmp_path / "readings.tar")


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(atdata(?:\.\w+)+)", WORDS))))
def test_names_to_write_instead_exist(name: str) -> None:
    found, *parts = name.split(".")
    value = import_module(found)
    for part in parts:
        found = f"{found}.{part}"
        value = getattr(value, part, None) or import_module(found)
    assert value is not None


@pytest.mark.parametrize("member", sorted(set(re.findall(r"`dataset\.(\w+)\(", WORDS + LEFT_OUT))))
def test_methods_to_write_instead_exist(member: str) -> None:
    assert callable(getattr(atdata.Dataset, member))


def test_names_that_are_left_out_are_not_there() -> None:
    table = re.findall(r"^\| (`.+?) \| .+ \|$", LEFT_OUT, re.M)
    names = [name for row in table for name in re.findall(r"`(\w+)`", row)]
    assert len(names) > 10
    assert [name for name in names if hasattr(atdata, name)] == []


def test_every_alias_is_on_the_page() -> None:
    assert [name for name in ALIASES if name not in SAME + WORDS] == []
