"""Shards made by hand, sound and broken, for tests."""

from __future__ import annotations

from collections.abc import Iterable

from atdata.shards.tar import BLOCK, END, build_header

Payload = bytes


def header(name: bytes = b"000.msgpack", size: int = 0, *, kind: bytes = b"0") -> bytes:
    """A header with a right checksum, whatever the name and kind are."""
    return checksummed(build_header("0", size), {0: name.ljust(100, b"\0"), 156: kind})


def checksummed(block: bytes, changes: dict[int, bytes]) -> bytes:
    """A header block with other bytes at some offsets, and the checksum that fits."""
    changed = bytearray(block)
    for offset, data in changes.items():
        changed[offset : offset + len(data)] = data
    changed[148:156] = b" " * 8
    changed[148:156] = b"%06o\0 " % sum(changed)
    return bytes(changed)


def member(name: bytes, payload: Payload = b"", *, kind: bytes = b"0") -> bytes:
    return header(name, len(payload), kind=kind) + payload + bytes(-len(payload) % BLOCK)


def record(text: str) -> bytes:
    """A pax record with its length."""
    size = len(text.encode()) + 3
    while len(f"{size} ") + len(text.encode()) + 1 != size:
        size += 1
    return f"{size} {text}\n".encode()


def records(*texts: str) -> bytes:
    return b"".join(map(record, texts))


def extended(*texts: str, kind: bytes = b"x") -> bytes:
    """A pax header with these records."""
    return member(b"././@PaxHeader", records(*texts), kind=kind)


def shard(members: Iterable[bytes], end: bytes = END) -> bytes:
    return b"".join(members) + end


def samples(count: int = 3) -> bytes:
    return shard(member(b"%03d.msgpack" % i, b"\x81\xa1a" + bytes([i])) for i in range(count))
