"""Fields that a stock reader would unpickle are refused, however their names are spelled."""

from __future__ import annotations

import gzip
import pickle
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from webdataset.autodecode import (
    Decoder,
    decoders,
    default_post_handlers,
    default_pre_handlers,
)
from webdataset.tariterators import base_plus_ext

from atdata.errors import ShardError
from atdata.shards.names import is_pickle
from atdata.shards.reader import read_samples
from atdata.shards.window import Window
from shards.shard_bytes import member, shard

SPELLINGS = ["{}", "{}.gz", "{}.gz.gz", "a.{}", "a.b.{}.gz", "{}.txt", "{}.gz.txt", "{}.", ".{}"]


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def runs(extension: str, folder: Path) -> bool:
    """Whether webdataset unpickles a field of this extension."""
    sprung = folder / "sprung"
    data = pickle.dumps(Trap(sprung))
    for _ in range(extension.lower().count(".gz")):
        data = gzip.compress(data)
    # As it reads the names of files, which it puts into lower case.
    _, field = base_plus_ext(f"key.{extension}")
    # Its decoder of all samples undoes gzip twice.
    for handlers in ([], [*default_pre_handlers, *default_post_handlers]):
        # What it raises differs among its versions; only what it ran by then matters.
        with suppress(Exception):
            Decoder(handlers).decode({"__key__": "key", field.lower(): data})
    ran = sprung.exists()
    sprung.unlink(missing_ok=True)
    return ran


@pytest.mark.parametrize("kind", sorted(decoders))
def test_what_webdataset_unpickles_is_refused(kind: str, tmp_path: Path) -> None:
    for spelling in SPELLINGS:
        for extension in (spelling.format(kind), spelling.format(kind).upper()):
            if runs(extension, tmp_path):
                assert is_pickle(extension), extension


@pytest.mark.parametrize("extension", ["pyd.gz", "pkl.gz", "pickle.gz", "pth.gz", "PKL.GZ.gz"])
def test_compressed_pickles_are_refused_unopened(extension: str) -> None:
    data = shard([member(b"a.msgpack"), member(f"a.{extension}".encode(), b"anything")])
    with pytest.raises(ShardError, match="pickle") as caught:
        list(read_samples(Window(data, "s.tar")))
    assert caught.value.offset == 512


@pytest.mark.parametrize("extension", ["json.gz", "npy", "gz", "pkl.txt", "pklx", "ten", "cls"])
def test_other_fields_beside_a_sample_are_passed_over(extension: str) -> None:
    data = shard([member(b"a.msgpack"), member(f"a.{extension}".encode(), b"anything")])
    with pytest.warns(UserWarning, match="members beside the samples are skipped"):
        assert [key for _, key, *_ in read_samples(Window(data, "s.tar"))] == ["a"]
