"""Datasets and packs made byte by byte, so that any one thing about them can be wrong."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

import atdata
from atdata.lifecycle.pack import pack_header
from atdata.shards.canonical import canonical_json
from atdata.shards.info import ShardInfo, content_cid
from atdata_records import cid

BLOCK = 512


@atdata.packable
class Measured:
    """One measurement."""

    values: NDArray[np.float32]
    label: int
    notes: dict[str, int]
    raw: bytes
    comment: str | None = None


def measured(number: int) -> Measured:
    values = np.arange(4, dtype=np.float32) + number
    return Measured(values, number, {"a": 1, "b": 2}, b"raw", None)


def header(
    name: bytes,
    size: int,
    kind: bytes = b"0",
    *,
    magic: bytes = b"ustar\x0000",
    link: bytes = b"",
    size_field: bytes | None = None,
    junk_at: int | None = None,
) -> bytes:
    """A tar header with a right checksum, whatever else is in it."""
    block = bytearray(BLOCK)
    block[0 : len(name)] = name
    block[100:124] = b"0000644\x000000000\x000000000\x00"
    block[124:136] = (size_field or b"%011o" % size).ljust(12, b"\x00")
    block[136:148] = b"00000000000\x00"
    block[156:157] = kind
    block[157 : 157 + len(link)] = link
    block[257:265] = magic
    if junk_at is not None:
        block[junk_at : junk_at + 4] = b"junk"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\x00 " % sum(block)
    return bytes(block)


def member(name: bytes, payload: bytes, kind: bytes = b"0", **more: Any) -> bytes:
    """A member: header, payload, padding."""
    return header(name, len(payload), kind, **more) + payload + bytes(-len(payload) % BLOCK)


def pax(name: bytes, value: bytes, kind: bytes = b"x") -> bytes:
    """A pax record."""
    length = len(name) + len(value) + 3
    length += len(str(length + len(str(length))))
    return member(b"PaxHeader", b"%d %b=%b\n" % (length, name, value), kind)


END = bytes(2 * BLOCK)


@dataclass
class Forgery:
    """A dataset in pieces.

    Attributes:
        manifest: The manifest as plain data.
        schema: The schema document.
        shards: The shards' members and end, as pieces that are joined.
        order: The members of the pack, by name; shards by index.
        raw_manifest: The manifest's bytes, in place of ``manifest``.
        more: Members of the pack after the others.
        before: Members before the others.
        tail: The end of the pack.
    """

    manifest: dict[str, Any]
    schema: bytes
    shards: list[list[bytes]]
    raw_manifest: bytes | None = None
    order: list[int] = field(default_factory=list)
    before: bytes = b""
    middle: bytes = b""
    more: bytes = b""
    tail: bytes = END

    def shard(self, index: int) -> bytes:
        return b"".join(self.shards[index])

    def relock(self) -> None:
        """Make every digest and number in the manifest right again, as a forger would."""
        rows = self.manifest["shards"]
        for index, row in enumerate(rows):
            data = self.shard(index)
            digest = hashlib.sha256(data)
            row |= {
                "bytes": max(len(data), 1024),
                "sha256": digest.hexdigest(),
                "cid": cid.from_digest(digest.digest()),
            }
        self.total()

    def total(self) -> None:
        """Make the sums and the content CID right again."""
        rows = self.manifest["shards"]
        self.manifest["totals"] = {
            "shards": len(rows),
            "samples": sum(row["samples"] for row in rows),
            "bytes": sum(row["bytes"] for row in rows),
        }
        infos = [ShardInfo(row["cid"], row["bytes"], row["samples"]) for row in rows]
        self.manifest["content_cid"] = content_cid(self.manifest["schema"]["cid"], infos)

    def manifest_bytes(self) -> bytes:
        if self.raw_manifest is not None:
            return self.raw_manifest
        return canonical_json(self.manifest)

    def pack(self) -> bytes:
        """The bytes of a pack."""
        rows = self.manifest["shards"]
        parts = [self.before, _packed("dataset.json", self.manifest_bytes())]
        parts += [_packed("schema.json", self.schema), self.middle]
        for index in self.order:
            if index < len(rows):
                parts.append(_packed(rows[index]["path"], self.shard(index)))
        return b"".join([*parts, self.more, self.tail])

    def write(self, folder: Path) -> Path:
        """The dataset as a build root."""
        folder.mkdir()
        (folder / "dataset.json").write_bytes(self.manifest_bytes())
        (folder / "schema.json").write_bytes(self.schema)
        for index, row in enumerate(self.manifest["shards"]):
            (folder / row["path"]).write_bytes(self.shard(index))
        return folder


def _packed(name: str, data: bytes) -> bytes:
    return pack_header(name, len(data)) + data + bytes(-len(data) % BLOCK)


def genuine(folder: Path, *, shards: int = 2, each: int = 3, version: str = "1.0.0") -> Forgery:
    """A sound dataset, written by atdata, in pieces: one a member and one for the end."""
    samples = (measured(number) for number in range(shards * each))
    atdata.write_shards(samples, folder, name="measured", version=version, maxcount=each)
    manifest = json.loads((folder / "dataset.json").read_bytes())
    pieces = [_pieces((folder / row["path"]).read_bytes()) for row in manifest["shards"]]
    schema = (folder / "schema.json").read_bytes()
    return Forgery(manifest, schema, pieces, order=list(range(shards)))


def _pieces(data: bytes) -> list[bytes]:
    pieces, position = [], 0
    while data[position]:
        size = int(data[position + 124 : position + 135], 8)
        stop = position + BLOCK + size + -size % BLOCK
        pieces.append(data[position:stop])
        position = stop
    return [*pieces, data[position:]]


def sample_bytes(**changes: Any) -> bytes:
    """A sample's msgpack, with some fields changed; a field of ``...`` is left out."""
    fields = msgpack.unpackb(measured(1).packed) | changes
    return msgpack.packb({name: value for name, value in fields.items() if value is not ...})


def sample_member(payload: bytes, key: bytes = b"000000001") -> bytes:
    """A sample as a member of a shard."""
    return member(key + b".msgpack", payload)
