"""Blocks of IPFS as a test wants them, sound or not: the protocol buffers of DAG-PB and UnixFS."""

from __future__ import annotations

from collections.abc import Sequence

from atdata.storage.ipfs.cids import DAG_PB, RAW, Cid
from atdata_records import cid as cids

RAW_DATA, FOLDER, FILE, METADATA, SYMLINK, SHARDED = range(6)


def cid_of(block: bytes, codec: int = DAG_PB) -> Cid:
    return Cid(codec, cids.digest(cids.of_bytes(block)))


def varint(number: int) -> bytes:
    digits = bytearray()
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*digits, number])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def unixfs(
    kind: int, data: bytes = b"", sizes: Sequence[int] = (), size: int | None = None
) -> bytes:
    parts = [field(1, kind), *([field(2, data)] if data else [])]
    if size is not None:
        parts.append(field(3, size))
    return b"".join([*parts, *(field(4, one) for one in sizes)])


def link(cid: Cid, name: str = "") -> bytes:
    binary = b"\x12\x20" + cid.digest
    if cid.version == 1:
        binary = bytes((1, cid.codec)) + binary
    return field(2, field(1, binary) + field(2, name.encode()) + field(3, 1))


def node(links: Sequence[bytes], inner: bytes) -> bytes:
    return b"".join(links) + field(1, inner)


def folder(entries: dict[str, Cid], kind: int = FOLDER) -> bytes:
    return node([link(cid, name) for name, cid in entries.items()], unixfs(kind))


def file(parts: Sequence[tuple[Cid, int]], *, data: bytes = b"", size: int | None = None) -> bytes:
    sizes = [part for _, part in parts]
    declared = len(data) + sum(sizes) if size is None else size
    return node([link(cid) for cid, _ in parts], unixfs(FILE, data, sizes, declared))


def leaf(data: bytes) -> tuple[Cid, int]:
    return cid_of(data, RAW), len(data)
