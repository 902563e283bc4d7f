"""Blocks of IPFS files and folders, parsed from untrusted bytes.

A block of the codec dag-pb is a protocol buffer that holds links and, within it, another one
that describes the block: UnixFS (IPLD DAG-PB and UnixFS specifications). A raw block holds
only bytes of a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from atdata.base.varint import read_varint
from atdata.errors import ShardError
from atdata.storage.ipfs.cids import RAW, Cid

LARGEST_BLOCK = 4 << 20  # bytes; nodes exchange blocks of up to 2 MiB
_MOST = 1 << 63  # sizes are smaller
_VARINT, _BYTES = 0, 2
_KINDS = {0: "file", 1: "folder", 2: "file", 3: "metadata", 4: "symlink", 5: "sharded folder"}


@dataclass(frozen=True, slots=True)
class Link:
    """A part of a file, or an entry of a folder.

    Attributes:
        cid: Its root block.
        name: The entry's name; empty for a part.
        size: Bytes of the file that a part holds; 0 for an entry.
    """

    cid: Cid
    name: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class Node:
    """A parsed block.

    Attributes:
        kind: ``"file"``, ``"folder"``, or a kind that is not supported.
        data: Bytes of the file in the block itself; they come before those of the parts.
        links: Parts or entries, in order.
        size: Bytes of the file; 0 for a folder.
    """

    kind: str
    data: bytes
    links: tuple[Link, ...]
    size: int


def read_node(cid: Cid, block: bytes) -> Node:
    """Parse a block whose digest has been checked.

    Raises:
        ShardError: It is not a block of a file or folder, or contradicts itself.
    """
    if cid.codec == RAW:
        return Node("file", block, (), len(block))
    try:
        return _node(block)
    except ValueError as error:
        raise ShardError(f"the block {cid} is not a UnixFS node: {error}") from None


def _node(block: bytes) -> Node:
    links: list[tuple[Cid, str]] = []
    inner: bytes | None = None
    for number, value in _fields(block):
        if number == 2 and isinstance(value, bytes):
            links.append(_link(value))
        elif number == 1 and isinstance(value, bytes) and inner is None:
            inner = value
        else:
            raise ValueError(f"it has an unknown field {number}")
    if inner is None:
        raise ValueError("its kind is missing")
    kind, data, declared, sizes = _unixfs(inner)
    if kind != "file":
        return Node(kind, b"", tuple(Link(cid, name) for cid, name in links), 0)
    if len(sizes) != len(links):
        raise ValueError(f"it has {len(links)} parts and the sizes of {len(sizes)}")
    size = len(data) + sum(sizes)
    if declared not in (None, size) or size >= _MOST:
        raise ValueError(f"it declares a size of {declared}, its parts have {size}")
    parts = [Link(cid, "", part) for (cid, _), part in zip(links, sizes, strict=True)]
    return Node(kind, data, tuple(parts), size)


def _link(message: bytes) -> tuple[Cid, str]:
    cid: Cid | None = None
    name = ""
    for number, value in _fields(message):
        if number == 1 and isinstance(value, bytes):
            cid = Cid.from_bytes(value)
        elif number == 2 and isinstance(value, bytes):
            name = value.decode()
    if cid is None:
        raise ValueError("a link leads nowhere")
    return cid, name


def _unixfs(message: bytes) -> tuple[str, bytes, int | None, list[int]]:
    """Return the kind, the block's own bytes, the declared size, and the sizes of the parts."""
    kind, data, declared, sizes = "", b"", None, list[int]()
    for number, value in _fields(message):
        if number == 1 and isinstance(value, int):
            kind = _KINDS.get(value, f"unknown kind {value}")
        elif number == 2 and isinstance(value, bytes):
            data = value
        elif number == 3 and isinstance(value, int):
            declared = value
        elif number == 4:
            sizes += [value] if isinstance(value, int) else _varints(value)
    if not kind:
        raise ValueError("its kind is missing")
    return kind, data, declared, sizes


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield a protocol buffer's fields with their numbers; only two wire types are supported."""
    at = 0
    while at < len(message):
        head, at = read_varint(message, at)
        value, at = read_varint(message, at)
        if head & 7 == _VARINT:
            yield head >> 3, value
        elif head & 7 == _BYTES:
            if value > len(message) - at:
                raise ValueError("it ends too early")
            yield head >> 3, message[at : at + value]
            at += value
        else:
            raise ValueError(f"it has a field of the wire type {head & 7}")


def _varints(packed: bytes) -> Iterator[int]:
    at = 0
    while at < len(packed):
        value, at = read_varint(packed, at)
        yield value
