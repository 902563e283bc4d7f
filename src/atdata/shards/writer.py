"""Writing of shards: the same samples always give the same bytes.

Digest, size and count are known when a shard is closed, without reading it again.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Protocol, cast

from atdata.base.disk import rename_file, write_file
from atdata.errors import SampleError, ShardError, StorageError
from atdata.shards.groups import check_members
from atdata.shards.info import ShardInfo
from atdata.shards.layouts import Layout, layout_named
from atdata.shards.offsets import index_path
from atdata.shards.sink import Sink
from atdata.shards.tar import (
    BLOCK,
    END,
    MAX_PAYLOAD,
    PADS,
    header_parts,
    member_header,
    payload_too_large,
)
from atdata_records import cid

_FLUSH = 1 << 20


class SupportsPacked(Protocol):
    """A sample, with the one property that writing needs."""

    @property
    def packed(self) -> bytes:
        """Its msgpack bytes."""
        ...


class ShardWriter:
    """One shard, which appears under its name when it is complete, or not at all.

    A context manager: it closes when all went well, and removes its file when not.

    Args:
        path: Final path of the shard; an older file there is replaced.

    Attributes:
        path: As given.
        size: Bytes of the shard so far, its end included.
        count: Samples in it.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.size = len(END)
        self._info: ShardInfo | None = None
        self._keys: set[str] = set()
        self.count = 0
        self._pending: list[bytes | memoryview] = []
        self._flush_at = _FLUSH
        self._temporary = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}.tmp")
        try:
            self._file = self._temporary.open("xb", buffering=0)
        except OSError as error:
            raise self._failed(error) from error
        self._sink = Sink(cast("IO[bytes]", self._file))

    @property
    def info(self) -> ShardInfo:
        """Digest, size and count of what was written, once the writer is closed."""
        if self._info is None:
            raise ValueError("the shard is not closed yet")
        return self._info

    def write(self, key: str, payload: bytes | memoryview) -> None:
        """Add a sample's msgpack bytes.

        Raises:
            ShardError: The key is there already, or readers would not return it unchanged; or the
                payload is too long.
            StorageError: The disk refuses.
        """
        if key in self._keys:
            raise ShardError("the key is in the shard already", member=f"{key}.msgpack")
        header = member_header(key, len(payload))
        self._keys.add(key)
        self._put(header, payload)
        self.count += 1

    def write_numbered(self, number: int, payload: bytes | memoryview) -> None:
        """Add a sample under its number, in nine digits or more; the key needs no check.

        Numbers must not repeat.

        Raises:
            ShardError: The payload is too long.
            StorageError: The disk refuses.
        """
        size = len(payload)
        if size > MAX_PAYLOAD:
            raise payload_too_large(size, f"{number:09d}.msgpack")
        self._put(header_parts(b"%09d.msgpack" % number, b"", size), payload)
        self.count += 1

    def write_group(self, key: str, members: Sequence[tuple[str, bytes | memoryview]]) -> None:
        """Add a sample as members, one for each field.

        Args:
            key: Its key.
            members: Extension and payload of each member, in order; at least one.

        Raises:
            ShardError: The key is there already, or readers would not return it unchanged; there
                are no members, two of one name, or more than a reader holds; or a payload is too
                long.
            StorageError: The disk refuses.
        """
        if key in self._keys:
            raise ShardError("the key is in the shard already", member=key)
        check_members(key, [(name, len(payload)) for name, payload in members])
        headers = [member_header(key, len(payload), name) for name, payload in members]
        self._keys.add(key)
        for header, (_, payload) in zip(headers, members, strict=True):
            self._put(header, payload)
        self.count += 1

    def _put(self, header: tuple[bytes, ...], payload: bytes | memoryview) -> None:
        padding = PADS[-len(payload) % BLOCK]
        self._pending += (*header, payload, padding)
        self.size += BLOCK + len(payload) + len(padding)
        if self.size >= self._flush_at:
            self._flush()

    def close(self) -> None:
        """End the archive, flush it to the disk, and give it its name."""
        if self._file.closed:
            return
        try:
            self._pending.append(END)
            digest = self._sink.finish(self._pending)
            self._file.close()
            rename_file(self._temporary, self.path)
        except OSError as error:
            self.discard()
            raise self._failed(error) from error
        self._info = ShardInfo(cid.from_digest(digest), self.size, self.count)

    def discard(self) -> None:
        """Give up: nothing of the shard remains. A closed one is left alone."""
        self._sink.abandon()
        self._file.close()
        with suppress(FileNotFoundError):
            self._temporary.unlink()

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def _flush(self) -> None:
        try:
            self._sink.write(self._pending)
        except OSError as error:
            raise self._failed(error) from error
        self._pending, self._flush_at = [], self.size + _FLUSH

    def _failed(self, error: OSError) -> StorageError:
        return StorageError(
            f"can't write the shard: {error.strerror or error}", shard=str(self.path)
        )


def cut_shards(
    samples: Iterable[SupportsPacked],
    folder: Path | str,
    *,
    maxcount: int = 10_000,
    maxsize: int | None = None,
    indexed: bool = False,
    first: int = 0,
    layout: Layout = "packed",
) -> Iterator[tuple[Path, ShardInfo]]:
    """Write samples as shards ``000000.tar``, ``000001.tar``, … into a folder, one at a time.

    Keys are the sample's number in the whole dataset, in nine digits, so they are unique and the
    shards depend on nothing but the samples. Each shard is yielded when it is complete; the next
    is started only then, so the caller may move it away or stop. Without samples there is no shard.

    Args:
        samples: Anything with ``packed``, or a Dataset's ``ordered()``; sample types or
            ``DictSample`` for the layout ``"members"``.
        folder: An existing folder.
        maxcount: Most samples in a shard.
        maxsize: Most bytes in a shard, headers and end included; None for no limit.
        indexed: Write the offset index of each shard beside it.
        first: Number of the first sample in the whole dataset.
        layout: ``"packed"``, or ``"members"`` for one member a field.

    Raises:
        SampleError: A sample can't be written; the error has its number, from 0.
        ShardError: A single sample does not fit into ``maxsize``.
        StorageError: The disk refuses.
    """
    if maxcount < 1:
        raise ValueError(f"maxcount must be at least 1, not {maxcount}")
    limit = sys.maxsize if maxsize is None else maxsize
    written = layout_named(layout)(indexed=indexed)
    writer: ShardWriter | None = None
    try:
        shard = 0
        for number, sample in enumerate(samples, first):
            try:
                encoded: Any = written.encode(sample)
            except Exception as error:
                raise _unwritable(number, sample, error) from None
            room = 0 if maxsize is None else written.room(encoded)
            if writer and (writer.count == maxcount or writer.size + room > limit):
                yield _finish(writer, written.index(number))
                writer, shard = None, shard + 1
            if writer is None:
                writer = ShardWriter(Path(folder) / f"{shard:06d}.tar")
            if writer.size + room > limit:
                raise _too_large(number, writer.size + room, limit)
            written.write(writer, number, encoded)
        if writer:
            yield _finish(writer, written.index(number + 1))
    finally:
        if writer:
            writer.discard()


def _finish(writer: ShardWriter, index: bytes | None) -> tuple[Path, ShardInfo]:
    """Close a shard; write its index beside it."""
    writer.close()
    if index is not None:
        write_file(writer.path.with_name(index_path(writer.path.name)), index)
    return writer.path, writer.info


def _unwritable(number: int, sample: Any, error: Exception) -> Exception:
    """Return the error for a sample that can't be written, with its number."""
    if isinstance(error, AttributeError) and not hasattr(type(sample), "packed"):
        return SampleError(
            f"sample {number} is a {type(sample).__name__}, which is not a sample type",
            hint="Decorate its class with @atdata.packable.",
        )
    if isinstance(error, SampleError):
        message = f"sample {number}: {error.message}"
        return SampleError(message, hint=error.hint, path=error.path)
    return error


def _too_large(number: int, size: int, maxsize: int) -> ShardError:
    return ShardError(
        f"sample {number} makes a shard of {size} bytes; the limit is {maxsize}",
        hint="Store it where shards may be larger, or make the samples smaller.",
    )
