from __future__ import annotations

import io
import json
import os
import pickle
import tarfile
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import webdataset
from click.testing import CliRunner
from PIL import Image
from sklearn.datasets import load_digits

import atdata
from atdata.cli import main
from atdata.errors import SampleError, SchemaError, ShardError
from atdata.importing import webdataset as webdataset_format
from atdata.importing.run import import_dataset
from atdata.lifecycle import verify
from importing.tables import Trap, annotations_of, rows_of


def png(pixels: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.uint8(pixels * 15)).save(file, "PNG")
    return file.getvalue()


def digits(count: int, start: int = 0) -> list[dict[str, Any]]:
    data = load_digits()
    return [
        {
            "__key__": f"digit{n:04d}",
            "png": png(data.images[n]),
            "cls": int(data.target[n]),
            "json": {"number": n},
            "npy": data.images[n].astype("f4"),
            "txt": f"the {n}. digit",
        }
        for n in range(start, start + count)
    ]


def written(path: Path, samples: list[dict[str, Any]]) -> Path:
    """The samples as webdataset writes them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with webdataset.TarWriter(str(path)) as writer:
        for sample in samples:
            writer.write(sample)
    return path


def folder_of(tmp_path: Path, *counts: int) -> Path:
    start = 0
    for number, count in enumerate(counts):
        written(tmp_path / "source" / f"{number:05d}.tar", digits(count, start))
        start += count
    return tmp_path / "source"


def test_members_become_fields(tmp_path: Path) -> None:
    table = webdataset_format.read(folder_of(tmp_path, 3, 2))
    known = annotations_of(table)
    assert (known["png"], known["cls"], known["txt"]) == (atdata.Image, int, str)
    assert known["json"] == dict[str, Any]
    assert get_args(known["npy"])[1] == np.dtype[np.float32]
    assert [part.count for part in table.splits[""]] == [3, 2]


# webdataset leaves its files for the garbage collector to close.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_shards_stay_byte_for_byte_and_are_sound(tmp_path: Path) -> None:
    source = folder_of(tmp_path, 10, 7)
    before = [path.read_bytes() for path in sorted(source.iterdir())]
    imported = import_dataset(source, tmp_path / "out", class_name="Digit")
    shards = sorted((tmp_path / "out").glob("*.tar"))
    assert [path.read_bytes() for path in shards] == before
    assert [os.stat(path).st_nlink for path in shards] == [2, 2]
    assert verify(tmp_path / "out", deep=True).findings == ()
    dataset = imported.splits[""]
    urls = [str(path) for path in shards]
    theirs = list(webdataset.WebDataset(urls, shardshuffle=False))
    for ours, their in zip(dataset.ordered(), theirs, strict=True):
        assert ours.png.bytes == their["png"]
        assert ours.json == json.loads(their["json"])
    assert dataset[12].txt == "the 12. digit"


def test_repacked_shards_hold_equal_samples(tmp_path: Path) -> None:
    source = folder_of(tmp_path, 4, 4)
    kept = import_dataset(source, tmp_path / "kept", class_name="Digit").splits[""]
    packed = import_dataset(source, tmp_path / "packed", class_name="Digit", repack=True).splits[""]
    assert list(kept.ordered()) == list(packed.ordered())
    assert [path.name for path in (tmp_path / "packed").glob("*.tar")] == ["000000.tar"]
    assert kept.schema == packed.schema


def test_command_keeps_shards_or_repacks_them(tmp_path: Path) -> None:
    source = folder_of(tmp_path, 4)
    shard = next(source.iterdir())
    run = CliRunner().invoke(main, ["import", str(shard), "--output", str(tmp_path / "out")])
    assert run.exit_code == 0, run.output
    assert (tmp_path / "out" / "000000.tar").read_bytes() == shard.read_bytes()
    options = ["--output", str(tmp_path / "again"), "--repack"]
    run = CliRunner().invoke(main, ["import", str(shard), *options])
    assert run.exit_code == 0, run.output
    assert (tmp_path / "again" / "000000.tar").read_bytes() != shard.read_bytes()


def test_shards_of_splits_become_splits(tmp_path: Path) -> None:
    written(tmp_path / "source" / "train-0.tar", digits(4))
    written(tmp_path / "source" / "test-0.tar", digits(2, 4))
    import_dataset(tmp_path / "source", tmp_path / "out")
    splits = atdata.load_dataset(str(tmp_path / "out"))
    assert {name: len(split) for name, split in splits.items()} == {"test": 2, "train": 4}


def test_members_that_some_samples_lack_are_optional(tmp_path: Path) -> None:
    first, second = digits(2)
    second["left.json"] = {"a": 1}
    del second["txt"]
    shard = written(tmp_path / "a.tar", [first, second])
    samples = list(import_dataset(shard, tmp_path / "out").splits[""].ordered())
    assert [sample.left_json for sample in samples] == [None, b'{"a": 1}']
    assert [sample.txt for sample in samples] == ["the 0. digit", None]


def test_contents_without_the_convention_are_held_as_they_are(tmp_path: Path) -> None:
    odd = {"__key__": "0", "txt": b"\xff", "cls": b"cat", "json": [1], "xyz": b"\0"}
    table = webdataset_format.read(written(tmp_path / "a.tar", [odd]))
    known = annotations_of(table)
    assert (known["txt"], known["cls"], known["json"], known["xyz"]) == (bytes, str, Any, bytes)
    assert rows_of(table) == [("cat", [1], b"\xff", b"\0")]


def tar_of(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def test_pickles_are_left_out_and_not_loaded(tmp_path: Path) -> None:
    trap = pickle.dumps(Trap())
    shard = tar_of(tmp_path / "a.tar", {"0.pyd": trap, "0.txt": b"a", "1.pyd": trap, "1.txt": b"b"})
    (dataset,) = import_dataset(shard, tmp_path / "out").splits.values()
    assert [sample.txt for sample in dataset.ordered()] == ["a", "b"]
    with pytest.raises(SchemaError, match="pickles only"):
        webdataset_format.read(tar_of(tmp_path / "b.tar", {"0.pkl": trap}))
    objects = io.BytesIO()
    np.save(objects, np.array([Trap()], object), allow_pickle=True)
    with pytest.raises(SampleError, match=r"0\.npy"):
        webdataset_format.read(tar_of(tmp_path / "c.tar", {"0.npy": objects.getvalue()}))


def test_member_that_does_not_fit_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    shard = tar_of(tmp_path / "a.tar", {"0.json": b"{}", "1.json": b"{broken"})
    with pytest.raises(SampleError, match=r"a\.tar.*1\.json"):
        import_dataset(shard, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "home") == ["a.tar"]


def test_array_with_a_damaged_header_is_named(tmp_path: Path) -> None:
    shard = tar_of(tmp_path / "a.tar", {"0.npy": b"not an array"})
    with pytest.raises(SampleError, match=r"a\.tar, member 0\.npy, offset 0"):
        webdataset_format.read(shard)


def test_packed_and_damaged_shards_are_refused(tmp_path: Path) -> None:
    packed = tar_of(tmp_path / "a.tar", {"0.msgpack": b"\x80"})
    with pytest.raises(SchemaError, match="packed samples"):
        webdataset_format.read(packed)
    whole = tar_of(tmp_path / "b.tar", {"0.txt": b"a" * 2000}).read_bytes()
    (tmp_path / "b.tar").write_bytes(whole[:1500])
    with pytest.raises(ShardError):
        webdataset_format.read(tmp_path / "b.tar")


def test_own_type_chooses_members(tmp_path: Path) -> None:
    @atdata.packable
    class Labelled:
        cls: int
        png: atdata.Image

    shard = written(tmp_path / "a.tar", digits(3))
    imported = import_dataset(shard, tmp_path / "out", sample_type=Labelled)
    assert [sample.cls for sample in imported.splits[""].ordered()] == [0, 1, 2]
    assert (tmp_path / "out" / "000000.tar").read_bytes() == shard.read_bytes()


def test_accepts_tar_files_but_not_datasets(tmp_path: Path) -> None:
    source = folder_of(tmp_path, 2)
    assert webdataset_format.accepts(source)
    import_dataset(source, tmp_path / "out")
    assert not webdataset_format.accepts(tmp_path / "out")
