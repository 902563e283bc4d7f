"""Shards at plain URLs: ``/wds/{did}/{rkey}/{NNNNNN}.tar``.

Meanings of the answers:

====  =====================  ==========================================================
200                          the shard; the connection breaks when it proves to be wrong
206                          a part of it, after all of it was verified
304                          the client has it already
307                          its digest is not known, so it is not proxied: fetch it there
404   NotFound               no such dataset or shard, or it was taken down
404   UpstreamNotFound       its server does not have it
416                          not a range of it
429   RateLimited            this client sends too many requests
501   NotProxied, TooLarge   a URL or size that this service does not proxy
502   DigestMismatch         its server sent different bytes
502   AddressRefused         the record leads to a private address
502   UpstreamRefused        its server refused
502   UpstreamUnreachable    its server can't be reached, or broke off
503   Unresolved             the repository's server is not known yet
503   UpstreamBusy, Busy     too many requests, there or here; see Retry-After
504   UpstreamTimeout        its server is too slow
507   CacheFull              this machine's disk is full
====  =====================  ==========================================================
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Coroutine
from typing import IO, Any, TypeVar
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from atdata.appview.clients import client_of
from atdata.appview.database.protocol import Row
from atdata.appview.proxy.backend import Backend
from atdata.appview.proxy.fetching import PIECE, Target
from atdata.appview.proxy.shards import RemoteShard
from atdata.appview.proxy.upstream import UpstreamError, upstream_errors
from atdata.errors import StorageError

_NAME = re.compile(r"(\d{6,9})\.tar")
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_POLL_SECONDS = 0.5  # seconds between checks whether the client is still connected
# A name may stand for other shards one day, so a cache asks again after an hour; until then,
# the bytes are those of the ETag, a CID.
_CACHED = "public, max-age=3600, immutable"
T = TypeVar("T")
SANDBOX = {
    "content-security-policy": "default-src 'none'; sandbox",
    "x-content-type-options": "nosniff",
}


class Proxy:
    """Answers requests for shards.

    Args:
        backend: Finds and fetches the shards.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._fetcher = backend.fetcher
        self.sent = 0
        """Bytes of shards sent so far."""

    async def answer(self, request: Request) -> Response:
        """Return the answer to one request."""
        try:
            shard = await self._find(request.path_params, client_of(request.scope))
            if shard.target is None:
                return _elsewhere(shard)
            return await self._shard(request, shard.target)
        except UpstreamError as error:
            return error_response(error)

    async def _find(self, path: dict[str, str], client: str) -> RemoteShard:
        name = _NAME.fullmatch(path["name"])
        try:
            row = await self._backend.lookups.run(self._row, path["actor"], path["rkey"])
        except StorageError as error:
            raise UpstreamError(503, "Busy", error.message, 5) from error
        if name is None or row is None:
            raise UpstreamError(404, "NotFound", "this service has no such dataset")
        shards = await self._backend.finder.of(row, client)
        if int(name[1]) >= len(shards):
            raise UpstreamError(404, "NotFound", f"the dataset has {len(shards)} shards")
        return shards[int(name[1])]

    def _row(self, actor: str, rkey: str) -> Row | None:
        did = self._backend.reading.did_of(actor)
        return self._backend.reading.dataset(did, rkey) if did else None

    async def _shard(self, request: Request, target: Target) -> Response:
        headers = {
            **SANDBOX,
            "etag": f'"{target.cid}"',
            "cache-control": _CACHED,
            "accept-ranges": "bytes",
            "content-disposition": f'attachment; filename="{request.path_params["name"]}"',
        }
        if _matches(request.headers.get("if-none-match"), target.cid):
            return Response(status_code=304, headers=headers)
        client = client_of(request.scope)
        file = await asyncio.to_thread(self._fetcher.cache.open, target.cid)
        part = _part_asked_for(request, target.cid)
        if file is None and request.method == "HEAD":
            # Nothing was verified yet, so no length is promised.
            return _Stream(_nothing(), 200, headers, media_type="application/x-tar")
        if file is None and part is not None:
            file = await _for_client(request, self._fetcher.whole(target, client))
        if file is not None:
            return self._from_file(file, part, headers, with_body=request.method != "HEAD")
        pieces = self._fetched_pieces(target, client)
        # Wait for the first piece: a failure before it can still be reported by a status.
        first = await _for_client(request, _first(pieces))
        return _Stream(_chained(first, pieces), 200, headers, media_type="application/x-tar")

    def _from_file(
        self,
        file: IO[bytes],
        part: tuple[int | None, int | None] | None,
        headers: dict[str, str],
        *,
        with_body: bool,
    ) -> Response:
        size = os.fstat(file.fileno()).st_size
        start, end, status = 0, size, 200
        if part is not None:
            start, end = _bounds(part, size)
            status = 206
            if start >= end:
                file.close()
                return Response(
                    status_code=416, headers={**SANDBOX, "content-range": f"bytes */{size}"}
                )
            headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
        headers["content-length"] = str(end - start)
        if not with_body:
            file.close()
            return Response(status_code=status, headers=headers, media_type="application/x-tar")
        pieces = self._pieces(file, start, end)
        return _Stream(pieces, status, headers, media_type="application/x-tar")

    async def _pieces(self, file: IO[bytes], start: int, end: int) -> AsyncGenerator[bytes, None]:
        with file:
            file.seek(start)
            for at in range(start, end, PIECE):
                piece = await asyncio.to_thread(file.read, min(PIECE, end - at))
                self.sent += len(piece)
                yield piece

    async def _fetched_pieces(self, target: Target, client: str) -> AsyncGenerator[bytes, None]:
        async with self._fetcher.reading(target, client) as fetch:
            await fetch.wait(1)
            at = 0
            with fetch.open(self._fetcher.cache) as file:
                while True:
                    await fetch.wait(at + 1)
                    piece = await asyncio.to_thread(file.read, min(PIECE, fetch.sound - at))
                    if not piece:
                        return
                    at += len(piece)
                    self.sent += len(piece)
                    yield piece


class _Stream(StreamingResponse):
    """A response that closes its file at once when the client disconnects."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self.body_iterator.aclose()  # type: ignore[attr-defined]


async def _nothing() -> AsyncGenerator[bytes, None]:
    return
    yield b""  # makes it a generator


async def _first(pieces: AsyncGenerator[bytes, None]) -> bytes:
    try:
        return await anext(pieces, b"")
    except BaseException:
        await pieces.aclose()
        raise


async def _for_client(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Do the work, unless the client disconnects.

    Raises:
        ClientDisconnect: It disconnected.
    """
    task = asyncio.create_task(work)
    try:
        while True:
            done, _ = await asyncio.wait({task}, timeout=_POLL_SECONDS)
            if done:
                return task.result()
            if await request.is_disconnected():
                raise ClientDisconnect
    finally:
        task.cancel()


async def _chained(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    try:
        yield first
        async for piece in rest:
            yield piece
    finally:
        await rest.aclose()


def error_response(error: UpstreamError) -> Response:
    """Return an error in the form of XRPC."""
    headers = {**SANDBOX, "cache-control": "no-store"}
    if error.retry_after is not None:
        headers["retry-after"] = str(error.retry_after)
    body = {"error": error.code, "message": error.message}
    return JSONResponse(body, error.status, headers)


def _elsewhere(shard: RemoteShard) -> Response:
    with upstream_errors():
        scheme = urlsplit(shard.url).scheme
    if scheme not in ("http", "https"):
        raise UpstreamError(501, "NotProxied", "the record contains no digest of this shard")
    return RedirectResponse(shard.url, 307, {**SANDBOX, "cache-control": "no-store"})


def _matches(header: str | None, cid: str) -> bool:
    names = [name.strip().removeprefix("W/") for name in (header or "").split(",")]
    return f'"{cid}"' in names or "*" in names


def _part_asked_for(request: Request, cid: str) -> tuple[int | None, int | None] | None:
    """Return first and last byte of a single range; None when everything is requested."""
    found = _RANGE.fullmatch(request.headers.get("range", ""))
    if found is None or found[0] == "bytes=-":
        return None
    if request.headers.get("if-range", f'"{cid}"') != f'"{cid}"':
        return None
    return int(found[1]) if found[1] else None, int(found[2]) if found[2] else None


def _bounds(part: tuple[int | None, int | None], size: int) -> tuple[int, int]:
    first, last = part
    if first is None:
        return max(size - (last or 0), 0), size
    return first, min(size, size if last is None else last + 1)
