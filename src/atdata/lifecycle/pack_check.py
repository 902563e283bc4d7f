"""The check of a pack's members, one after the other, against its manifest."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import IO, Any

from atdata.base.streams import from_pieces
from atdata.errors import ShardError
from atdata.lifecycle.checks.examination import Examination
from atdata.lifecycle.checks.roots import Pack
from atdata.lifecycle.checks.shard import COMPRESSED, check_stream
from atdata.lifecycle.checks.streams import Part, pieces
from atdata.lifecycle.pack import pack_header
from atdata.lifecycle.report import Finding
from atdata.lifecycle.serving.store import MAX_SCHEMA
from atdata.shards.hashed import HashedStream
from atdata.shards.manifest import MANIFEST_NAME, MAX_BYTES, SCHEMA_NAME
from atdata.shards.tar import BLOCK, PADS, parse_header
from atdata.sources.registry import open_url

_ZEROS = bytes(BLOCK)


@dataclass(eq=False)
class PackExamination(Examination):
    """An examination of a pack, whose members come one after the other.

    Attributes:
        place: The pack.
        complete: Whether it was read to its very end.
    """

    place: Pack
    complete: bool = field(default=False, init=False)

    def run(self, stream: HashedStream) -> None:
        """Read a pack to its end, or as far as it can be read."""
        self._stream = stream
        self._shards: dict[str, int] = {}
        self._order: list[str] = []
        self._seen: set[str] = set()
        if not self._head():
            return
        while (header := self._header()) is not None:
            member, size, offset = header
            if member in self._shards and member not in self._seen:
                self._shard(member, size, offset)
            elif member == SCHEMA_NAME and member not in self._seen:
                self._schema(size, offset)
            else:
                message = "the manifest does not list this member, or it came before"
                self._add("PACK_MEMBER", message, member, offset)
                self._pass_over(size)
            self._seen.add(member)
            # An endless pack is not read without end.
            if not self._padding(size) or self.findings.truncated:
                return
        self._missing()
        self.finish()

    def _head(self) -> bool:
        """Read the manifest, which has to come first."""
        header = self._header()
        if header is None:
            self.add("MANIFEST_MISSING", "the pack holds no manifest")
            return False
        member, size, offset = header
        if member != MANIFEST_NAME:
            self._add("PACK_MEMBER", f"{MANIFEST_NAME} comes first", member, offset)
            self.add("MANIFEST_MISSING", "the manifest is not where it should be")
            return False
        if size > MAX_BYTES:
            self.add("JSON_INVALID", "too long", expected=MAX_BYTES, actual=size)
            return False
        data = self._read(size)
        if len(data) < size or not self._padding(size):
            self._cut_off(offset)
            return False
        manifest = self.read_manifest(data)
        if manifest is None:
            return False
        self._shards = {path: index for index, path in enumerate(manifest.paths)}
        self._order = [SCHEMA_NAME, *manifest.paths]
        self._progress.begin(manifest.size, len(manifest.shards))
        return True

    def _header(self) -> tuple[str, int, int] | None:
        """Return name and size of the next member, and its offset; None at the end."""
        offset = self._stream.size
        block = self._read(BLOCK)
        if len(block) < BLOCK:
            self._cut_off(offset)
            return None
        if block == _ZEROS:
            self._end()
            return None
        if (expected := self._expected()) is not None and block == pack_header(*expected):
            return (*expected, offset)
        try:
            if not offset and COMPRESSED.match(block):
                raise ShardError("a compressed pack; packs are plain tar", code="TAR_COMPRESSED")
            kind, raw, size = parse_header(block)
            if kind != b"0":
                raise ShardError("a folder, pax record or long name", code="TAR_PAX")
        except ShardError as error:
            self.findings.add(replace(Finding.of(error), offset=offset))
            return None
        member = raw.decode("ascii", "backslashreplace")
        self._check_header(block, member, size, offset)
        return member, size, offset

    def _expected(self) -> tuple[str, int] | None:
        """Return the shard that should be next, and its size."""
        place = len(self._seen)
        if not 0 < place < len(self._order):
            return None
        return self._order[place], self.manifest.shards[place - 1].size

    def _check_header(self, block: bytes, member: str, size: int, offset: int) -> None:
        wanted = next(islice(self._order, len(self._seen), None), member)
        if member != wanted:
            message, order = "members out of order", {"expected": wanted, "actual": member}
            self._add("PACK_MEMBER", message, member, offset, **order)
        elif block != pack_header(member, size):
            self._add("PACK_HEADER", "not the header that pack would write", member, offset)

    def _schema(self, size: int, offset: int) -> None:
        if size > MAX_SCHEMA:
            self._add("SCHEMA_INVALID", "too long", SCHEMA_NAME, offset)
            self._pass_over(size)
            return
        data = self._read(size)
        if len(data) == size:
            self.read_schema(data)

    def _shard(self, member: str, size: int, offset: int) -> None:
        index = self._shards[member]
        opener = partial(open_packed, self.place.location, offset + BLOCK, size)
        task = self.task(index, opener)
        self.merge(check_stream(task, Part(self._stream, size)), task)
        self._progress.advance(size, 1)

    def _padding(self, size: int) -> bool:
        """Read the padding of a member's last block; return whether the pack continues."""
        offset = self._stream.size
        pad = -size % BLOCK
        data = self._read(pad)
        if len(data) < pad:
            self._cut_off(offset)
            return False
        if data != PADS[pad]:
            self._add("TAR_PADDING", "bytes after a member that should be zero", None, offset)
        return True

    def _end(self) -> None:
        offset = self._stream.size
        if self._read(BLOCK) != _ZEROS:
            self._add("PACK_TRUNCATED", "half an end of archive", None, offset)
        elif self._read(1):
            self._add("PACK_AFTER_END", "data after the end of the pack", None, offset + BLOCK)
        else:
            self.complete = True

    def _missing(self) -> None:
        for path, index in self._shards.items():
            if path not in self._seen:
                self.add("SHARD_MISSING", "the shard is not in the pack", shard=index)
        if SCHEMA_NAME not in self._seen:
            self.add("SCHEMA_MISSING", "the schema is not in the pack")

    def _cut_off(self, offset: int) -> None:
        self._add("PACK_TRUNCATED", "the pack ends too early", None, offset)

    def _add(self, code: str, message: str, member: str | None, offset: int, **more: Any) -> None:
        self.add(code, message, member=member, offset=offset, **more)

    def _read(self, size: int) -> bytes:
        return b"".join(pieces(self._stream, size))

    def _pass_over(self, size: int) -> None:
        for _ in pieces(self._stream, size):
            pass


def open_packed(pack: str, offset: int, size: int) -> IO[bytes]:
    """Open one shard of a pack, by its place in it."""
    stream = open_url(pack)
    for _ in pieces(stream, offset):
        pass
    return from_pieces(pieces(stream, size), stream.close)
