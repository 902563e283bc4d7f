"""The code of docs/extending.md runs, and names every interface and suite that there is."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import atdata.testing
from atdata import _protocols
from atdata.dataset import Dataset

PAGE = Path(__file__).parent.parent / "docs" / "extending.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)


@pytest.fixture
def namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the page's code has defined at its end."""
    monkeypatch.chdir(tmp_path)
    # Sample types find their annotations by the name of their module.
    page = ModuleType("extending")  # where its sample type looks for what its annotations name
    monkeypatch.setitem(sys.modules, "extending", page)
    found = vars(page)
    for number, block in enumerate(BLOCKS):
        exec(compile(block, f"{PAGE.name}[{number}]", "exec"), found)
    return found


def test_the_examples_run_and_have_the_interfaces(namespace: dict[str, Any]) -> None:
    assert len(BLOCKS) >= 7
    assert isinstance(namespace["released"], _protocols.AbstractIndex)
    assert isinstance(namespace["TeamStore"]("x"), _protocols.AbstractDataStore)
    assert isinstance(namespace["CopyStore"](), _protocols.CopyingStore)
    assert namespace["CopyStore"]().supports_dry_run()
    source = namespace["CountedArchive"](namespace["files"])
    assert isinstance(source, _protocols.DataSource)
    assert isinstance(source, _protocols.CountedSource)


def test_the_example_of_a_suite_passes(namespace: dict[str, Any]) -> None:
    suite = namespace["TestCountedArchive"]()
    contents = [atdata.testing.shard_bytes(2), atdata.testing.shard_bytes(1, start=2)]
    source = namespace["CountedArchive"](dict(zip(namespace["files"], contents, strict=True)))
    suite.test_shards_come_in_order_every_time(source, contents)
    suite.test_its_counts_are_those_of_the_shards(source, contents)
    suite.test_its_datasets_have_a_length(source)
    assert len(Dataset[atdata.testing.Thing](source)) == 3


def test_the_page_names_every_interface() -> None:
    text = PAGE.read_text("utf-8")
    protocols = {
        name
        for name, value in vars(_protocols).items()
        if inspect.isclass(value)
        and getattr(value, "_is_protocol", False)
        and value.__module__.startswith("atdata")
        and name != "Progress"
    }
    assert len(protocols) == 14
    assert [name for name in sorted(protocols) if f"`{name}`" not in text] == []
    suites = {name for name in atdata.testing.__all__ if name.endswith("Suite")}
    assert len(suites) == 11
