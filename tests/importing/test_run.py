from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest

import atdata
from atdata.engines.local import LocalEngine
from atdata.errors import AtdataError, EntryConflict, SampleError, SchemaError
from atdata.importing.run import import_dataset

HERE = LocalEngine(1)


@atdata.packable
class Own:
    name: str
    size: float
    note: str = "none"


def table(path: Path, rows: int = 25) -> Path:
    lines = [f"name {number},{number},{number / 4}" for number in range(rows)]
    path.write_text("\n".join(["name,number,size", *lines]) + "\n")
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "home")


def plain(dataset: Any) -> list[dict[str, Any]]:
    return [vars(sample) for sample in dataset.ordered()]


def test_a_table_becomes_a_build_root_of_its_own_type(tmp_path: Path) -> None:
    found = import_dataset(table(tmp_path / "my table.csv"), tmp_path / "out", engine=HERE)
    assert found.sample_type.__name__ == "MyTable"
    loaded = atdata.load_dataset(tmp_path / "out", split="train")
    assert plain(loaded) == plain(found.splits[""])
    assert plain(loaded)[3] == {"name": "name 3", "number": 3, "size": 0.75}
    assert names(tmp_path) == ["my table.csv", "out"]


def test_what_is_imported_is_what_write_shards_writes(tmp_path: Path) -> None:
    found = import_dataset(table(tmp_path / "a.csv"), tmp_path / "out", maxcount=10, engine=HERE)
    atdata.write_shards(
        list(found.splits[""].ordered()), tmp_path / "again", name="out", maxcount=10
    )
    assert contents(tmp_path / "out") == contents(tmp_path / "again")


def test_shards_may_hold_a_member_for_each_field(tmp_path: Path) -> None:
    found = import_dataset(
        table(tmp_path / "a.csv"), tmp_path / "out", layout="members", engine=HERE
    )
    with tarfile.open(tmp_path / "out" / "000000.tar") as shard:
        assert shard.getnames()[:3] == [f"000000000.{name}" for name in ("name", "number", "size")]
    assert plain(found.splits[""])[3] == {"name": "name 3", "number": 3, "size": 0.75}


def test_a_source_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    (tmp_path / "a.csv" / "b.csv").symlink_to("b.csv")
    with pytest.raises(AtdataError, match=r"a\.csv"):
        import_dataset(tmp_path / "a.csv", tmp_path / "out", format="csv", engine=HERE)


def test_the_number_of_processes_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atdata.importing.delimited._PART_ROWS", 100)
    source = table(tmp_path / "a.csv", rows=2_000)
    for folder, processes in (("one", 1), ("two", 2)):
        import_dataset(
            source, tmp_path / folder, name="a", maxcount=300, engine=LocalEngine(processes)
        )
    assert len(list((tmp_path / "one").glob("*.tar"))) == 7
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_the_same_import_may_be_repeated_and_other_data_are_refused(tmp_path: Path) -> None:
    source = table(tmp_path / "a.csv")
    import_dataset(source, tmp_path / "out", engine=HERE)
    before = contents(tmp_path / "out")
    import_dataset(source, tmp_path / "out", engine=HERE)
    assert contents(tmp_path / "out") == before
    table(source, rows=3)
    with pytest.raises(EntryConflict, match="other data"):
        import_dataset(source, tmp_path / "out", engine=HERE)
    assert contents(tmp_path / "out") == before
    import_dataset(source, tmp_path / "out", engine=HERE, overwrite=True)
    assert len(atdata.load_dataset(tmp_path / "out", split="train")) == 3


def test_splits_become_folders_that_load_dataset_knows(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    table(tmp_path / "source" / "train.csv", rows=5)
    table(tmp_path / "source" / "my-test-rows.csv", rows=3)
    found = import_dataset(tmp_path / "source", tmp_path / "out", engine=HERE)
    loaded = atdata.load_dataset(tmp_path / "out")
    assert {split: len(dataset) for split, dataset in loaded.items()} == {"test": 3, "train": 5}
    assert loaded.sample_type is found.sample_type
    assert found.manifests["test"].name == "out-test"
    import_dataset(tmp_path / "source", tmp_path / "out", engine=HERE)
    table(tmp_path / "source" / "train.csv", rows=6)
    with pytest.raises(EntryConflict, match="other data"):
        import_dataset(tmp_path / "source", tmp_path / "out", engine=HERE)


def test_a_class_of_ones_own_takes_the_columns_that_it_names(tmp_path: Path) -> None:
    source = table(tmp_path / "a.csv")
    found = import_dataset(source, tmp_path / "out", sample_type=Own, engine=HERE)
    assert found.class_text is None
    assert list(found.splits[""].ordered())[2] == Own("name 2", 0.5)
    source.write_text("name\nx\n")
    with pytest.raises(SchemaError, match="no column for the field 'size'"):
        import_dataset(source, tmp_path / "other", sample_type=Own, engine=HERE)
    source.write_text("name,size\nx,1\ny,tall\n")
    with pytest.raises(SampleError, match="row 1, column 'size'"):
        import_dataset(source, tmp_path / "other", sample_type=Own, engine=HERE)
    assert names(tmp_path) == ["a.csv", "out"]


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match=r"no rows \(uri .*a\.csv"):
        import_dataset(table(tmp_path / "a.csv", rows=0), tmp_path / "out", engine=HERE)
