"""The code of docs/exporting.md runs, and the page names every way out."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from atdata import Dataset

PAGE = Path(__file__).parents[2] / "docs" / "exporting.md"
TEXT = PAGE.read_text("utf-8")


# webdataset leaves its files for the garbage collector to close.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = ModuleType("exporting")  # where its sample type looks for what its annotations name
    monkeypatch.setitem(sys.modules, "exporting", page)
    blocks = re.findall(r"^```python\n(.*?)^```$", TEXT, re.M | re.S)
    assert len(blocks) >= 4
    for number, block in enumerate(blocks):
        exec(compile(block, f"{PAGE.name}[{number}]", "exec"), vars(page))


def test_the_page_names_every_export() -> None:
    exports = {name for name in vars(Dataset) if name.startswith("to_")}
    assert {name for name in exports if f"`{name}(" not in TEXT} == set()
