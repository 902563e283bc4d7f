from __future__ import annotations

from pathlib import Path

import pytest

from atdata.errors import ManifestError
from atdata.shards.splits import SPLITS_NAME, read_splits, write_splits


def test_the_names_of_splits_are_kept_in_order(tmp_path: Path) -> None:
    assert read_splits(tmp_path) is None
    assert read_splits(tmp_path / "missing") is None
    write_splits(tmp_path, ["train", "test_matched", "Erprobung ü"])
    assert read_splits(tmp_path) == ("train", "test_matched", "Erprobung ü")


@pytest.mark.parametrize("name", ["..", "a/b", "", ".", "/etc", "CON", "a\\b", "x" * 300])
def test_names_that_lead_elsewhere_are_neither_written_nor_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(ManifestError):
        write_splits(tmp_path, [name])
    quoted = name.replace("\\", "\\\\")
    (tmp_path / SPLITS_NAME).write_text(f'{{"format_version":1,"splits":["{quoted}"]}}')
    with pytest.raises(ManifestError):
        read_splits(tmp_path)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format_version":2,"splits":["a"]}', '{"format_version":1,"splits":[]}',
     '{"format_version":1,"splits":[1]}', '{"format_version":1,"splits":["a","A"]}', "[" * 9999],
)  # fmt: skip
def test_other_contents_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / SPLITS_NAME).write_text(text)
    with pytest.raises(ManifestError):
        read_splits(tmp_path)
