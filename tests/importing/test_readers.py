from __future__ import annotations

from pathlib import Path

import pytest

from atdata.errors import MissingFile, UrlError
from atdata.importing.readers import files_state, read_table, refused


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="nothing_there"):
        read_table(tmp_path / "nothing_there")


def test_data_of_no_known_format_are_refused_with_the_formats(tmp_path: Path) -> None:
    (tmp_path / "a.unknown").write_bytes(b"?")
    with pytest.raises(UrlError, match="Name its format"):
        read_table(tmp_path / "a.unknown")
    with pytest.raises(UrlError, match="object"):
        read_table(object())
    with pytest.raises(UrlError, match="nonsense"):
        read_table(tmp_path / "a.unknown", format="nonsense")


def test_the_state_of_files_changes_with_them(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("one")
    before = files_state([path])
    assert files_state([path]) == before
    path.write_text("more")
    assert files_state([path]) != before


def test_a_refused_value_is_named_by_row_and_column() -> None:
    error = refused("too large", uri="a.csv", row=7, column="size")
    assert str(error).startswith("row 7, column 'size': too large")
    assert error.path == "size"
