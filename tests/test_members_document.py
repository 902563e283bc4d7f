"""The code of docs/members.md runs, and its table has the extensions that are known."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from atdata.samples.extensions import content_of, is_pickle

PAGE = Path(__file__).parent.parent / "docs" / "members.md"
TEXT = PAGE.read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.M | re.S)
ROWS = [line.split("|")[1:-1] for line in TEXT.splitlines() if re.match(r"\| `\w", line)]


def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = ModuleType("members")  # where its sample type looks for what its annotations name
    monkeypatch.setitem(sys.modules, "members", page)
    assert len(BLOCKS) == 3
    for number, block in enumerate(BLOCKS):
        exec(compile(block, f"{PAGE.name}[{number}]", "exec"), vars(page))


def test_the_extensions_of_a_row_have_one_content() -> None:
    rows = [re.findall(r"`(\w+)`", extensions) for extensions, *_ in ROWS]
    assert len(rows) == 8
    for extensions in rows[:-1]:
        contents = {content_of(extension) for extension in extensions}
        assert len(contents) == 1
        assert None not in contents
    assert {content_of(extension) for extension in rows[-1]} == {"image", "audio", "video"}


def test_the_pickles_are_those_that_are_refused() -> None:
    (line,) = (line for line in TEXT.splitlines() if line.startswith("* Pickles"))
    words = re.findall(r"`(\w+)`", line)
    assert len(words) == 5
    assert all(map(is_pickle, words))
