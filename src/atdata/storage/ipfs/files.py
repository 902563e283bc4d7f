"""Files of IPFS, by their CIDs, from gateways that need not be trusted.

A file is a tree of blocks. Each block is requested by its CID and checked against it before its
bytes are returned, so the worst a gateway can do is withhold a file. Only requests for single
blocks are used, the part of the trustless gateway protocol that all gateways support. A range
needs only the blocks that hold it, and several are requested at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import IO, cast
from urllib.parse import unquote

from atdata.base.redact import redacted
from atdata.base.streams import from_pieces
from atdata.errors import AtdataError, ShardError, StorageError, UrlError
from atdata.storage.ipfs.cids import RAW, Cid
from atdata.storage.ipfs.gateway import mismatch, open_block, read_block
from atdata.storage.ipfs.unixfs import LARGEST_BLOCK, Link, Node, read_node
from atdata.storage.objects import Urls
from atdata.storage.resume import Opened

_AHEAD = 4  # blocks that are requested at once
DEEPEST = 16  # usual trees have up to four levels
_LARGEST_RAW = 1 << 30  # bytes
_PIECE = 1 << 18


class IPFS(Urls):
    """Files at ``ipfs://{cid}`` or ``ipfs://{cid}/{path}``, which are their keys.

    The tag is the CID of the file itself. A file that is one raw block is fetched and checked
    whole, whatever its size, up to a gibibyte. Opening and reading raise DigestMismatch if the
    gateway sends other bytes, and ShardError if the blocks are not those of a file.
    """

    def _open_range(self, key: str, start: int, stop: int | None, tag: str | None) -> Opened:
        root, names = split_url(key)
        blocks = _Blocks(redacted(key), self.untrusted)
        cid = blocks.find(root, names)
        if tag not in (None, str(cid)):
            raise StorageError(f"this is not the file {tag}, but {cid}", uri=redacted(key))
        if cid.codec == RAW:
            return blocks.open_raw(cid)
        node = blocks.root(cid)
        if node.kind != "file":
            raise _no_file(node.kind, cid, key)
        end = node.size if stop is None else min(stop, node.size)
        pieces = _pieces(node, start, end, blocks)
        return Opened(from_pieces(pieces, blocks.close), start, node.size, str(cid), is_part=True)


def split_url(url: str) -> tuple[Cid, list[str]]:
    """Return the CID of an ``ipfs://`` URL, and the names of its path.

    Raises:
        UrlError: It has another form, or lacks the CID of a file.
    """
    _, _, rest = url.partition("://")
    root, *names = map(unquote, rest.split("/"))
    cid = Cid.parse(root)
    if any(name in ("", ".", "..") for name in names) or "?" in rest or "#" in rest:
        raise UrlError("not a URL of IPFS", uri=redacted(url), hint="Write ipfs://CID/path.")
    return cid, names


class _Blocks:
    """The blocks of one file. Threads fetch the next ones ahead."""

    def __init__(self, shard: str, untrusted: bool) -> None:
        self.shard = shard
        self._untrusted = untrusted
        self._pool = ThreadPoolExecutor(_AHEAD, thread_name_prefix="atdata-ipfs")

    def find(self, root: Cid, names: list[str]) -> Cid:
        """Return the CID at the end of a path."""
        cid = root
        for name in names:
            if cid.codec == RAW:
                raise _no_file("file", cid, self.shard)
            node = self.root(cid)
            if node.kind != "folder":
                raise _no_file(node.kind, cid, self.shard)
            found = [link.cid for link in node.links if link.name == name]
            if not found:
                raise StorageError(f"the folder {cid} has no {name!r}", uri=self.shard)
            cid = found[0]
        return cid

    def root(self, cid: Cid) -> Node:
        """Return the first block of a file or folder, parsed."""
        with self._named():
            return _root(cid, self._untrusted)

    def ask(self, cid: Cid) -> Future[Node]:
        """Fetch and parse a block in a thread."""
        return self._pool.submit(self._read, cid)

    def _read(self, cid: Cid) -> Node:
        with self._named():
            return _node(cid, self._untrusted)

    def open_raw(self, cid: Cid) -> Opened:
        """Open a file that is one block, after all of it has been checked."""
        file = cast("IO[bytes]", SpooledTemporaryFile(LARGEST_BLOCK))  # noqa: SIM115
        try:
            with self._named(), open_block(cid, untrusted=self._untrusted) as stream:
                _copy_checked(stream, file, cid)
        except BaseException:
            file.close()
            raise
        size = file.tell()
        file.seek(0)
        return Opened(file, 0, size, str(cid))

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Raise errors with the name of the file that the block is a part of."""
        try:
            yield
        except AtdataError as error:
            error.shard = self.shard
            raise

    def close(self) -> None:
        """Cancel requests that have not begun, and wait for the others."""
        self._pool.shutdown(cancel_futures=True)


def _node(cid: Cid, untrusted: bool) -> Node:
    return read_node(cid, read_block(cid, untrusted=untrusted))


# A few are cached: many shards are in one folder, and a shard is read in several parts.
_root = lru_cache(maxsize=4)(_node)


def _copy_checked(stream: IO[bytes], file: IO[bytes], cid: Cid) -> None:
    digest = sha256()
    while piece := stream.read(_PIECE):
        digest.update(piece)
        if file.tell() + len(piece) > _LARGEST_RAW:
            raise ShardError(f"the block {cid} has no end")
        try:
            file.write(piece)
        except OSError as error:
            raise StorageError(f"no room to check {cid}: {error.strerror or error}") from error
    if digest.digest() != cid.digest:
        raise mismatch(cid)


@dataclass(slots=True)
class _Part:
    """A part of a file that is still to be read, from ``offset`` on."""

    link: Link
    offset: int
    depth: int
    asked: Future[Node] | None = None

    def ask(self, blocks: _Blocks) -> Future[Node]:
        self.asked = self.asked or blocks.ask(self.link.cid)
        return self.asked


def _pieces(root: Node, start: int, stop: int, blocks: _Blocks) -> Iterator[bytes]:
    """Yield bytes ``start:stop`` of a file, by a walk of its tree in order."""
    yield _clipped(root.data, 0, start, stop)
    todo = deque(_parts(root, 0, 1, start, stop))
    while todo:
        for part in islice(todo, _AHEAD):
            part.ask(blocks)
        part = todo.popleft()
        node = part.ask(blocks).result()
        if node.kind != "file" or node.size != part.link.size:
            raise _no_tree(f"{part.link.cid} is not a part of {part.link.size:,} bytes", blocks)
        if part.depth > DEEPEST:
            raise _no_tree(f"it is deeper than {DEEPEST} levels", blocks)
        yield _clipped(node.data, part.offset, start, stop)
        todo.extendleft(reversed(_parts(node, part.offset, part.depth + 1, start, stop)))


def _parts(node: Node, offset: int, depth: int, start: int, stop: int) -> list[_Part]:
    """Return the parts of a node that hold bytes of ``start:stop``."""
    parts = []
    at = offset + len(node.data)
    for link in node.links:
        if at < stop and at + link.size > start and link.size:
            parts.append(_Part(link, at, depth))
        at += link.size
    return parts


def _clipped(data: bytes, offset: int, start: int, stop: int) -> bytes:
    return data[max(start - offset, 0) : max(stop - offset, 0)]


def _no_tree(why: str, blocks: _Blocks) -> ShardError:
    return ShardError(f"the blocks are not the tree of a file: {why}", shard=blocks.shard)


def _no_file(kind: str, cid: Cid, url: str) -> StorageError:
    hints = {
        "folder": "Add the path of a file in it.",
        "sharded folder": "Give the file's own CID: it is a very large folder.",
    }
    return StorageError(
        f"{cid} is a {kind}, which this part of a path can't be",
        uri=redacted(url),
        hint=hints.get(kind),
    )
