from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from typing import IO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atdata.shards import sink as module
from atdata.shards.sink import Sink


@settings(max_examples=50)
@given(st.lists(st.lists(st.binary(max_size=2000), max_size=3), max_size=12), st.integers(1, 5000))
def test_all_is_written_in_order_and_hashed(writes: list[list[bytes]], sync: int) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryFile(buffering=0) as file:
        patch.setattr(module, "_SYNC", sync)
        sink = Sink(cast("IO[bytes]", file))
        for pieces in writes[:-1]:
            sink.write(pieces)
        digest = sink.finish(writes[-1] if writes else ())
        whole = b"".join(piece for pieces in writes for piece in pieces)
        file.seek(0)
        assert file.read() == whole
        assert digest == hashlib.sha256(whole).digest()


def test_a_full_disk_raises(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb", buffering=0) as file:
        sink = Sink(cast("IO[bytes]", file))
        with pytest.raises(OSError, match="No space left"):
            sink.write([b"x"])
        sink.abandon()


def test_a_late_error_of_the_disk_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a sync has failed, a later one says that all is well: it must not be overheard."""

    def fail(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(module, "_SYNC", 1)
    monkeypatch.setattr(os, "fdatasync", fail)
    with (tmp_path / "file").open("wb", buffering=0) as file:
        sink = Sink(cast("IO[bytes]", file))
        sink.write([b"x"])
        with pytest.raises(OSError, match="Input/output"):
            sink.finish()
        sink.abandon()
