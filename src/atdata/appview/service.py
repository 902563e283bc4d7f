"""The AppView as a whole: ingest, routes, and what they share."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from atdata.appview.database.opening import open_database
from atdata.appview.database.reading import Reading
from atdata.appview.ingest.follow import Ingest
from atdata.appview.ingest.network import Network
from atdata.appview.ingest.sources import Source
from atdata.appview.metrics import ServiceMetrics
from atdata.appview.proxy.backend import Backend
from atdata.appview.proxy.fetching import Fetcher
from atdata.appview.proxy.routes import Proxy
from atdata.appview.proxy.shards import ShardFinder
from atdata.appview.rate_limit import RateLimit
from atdata.appview.threads import Pool
from atdata.appview.web.pages import Pages
from atdata.appview.web.previews import Previews
from atdata.appview.web.xrpc import Queries
from atdata.cache.shard_cache import ShardCache
from atdata.errors import StorageError

_SEARCHES, _LOOKUPS = 4, 2  # threads
_EXPOSED = ["accept-ranges", "content-range", "etag", "retry-after"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Configuration of the service.

    Attributes:
        data: Folder of the embedded database and the cache.
        database: ``postgresql://`` URL; None for the embedded one.
        sources: Servers to follow; with none, the existing database is served.
        base_url: The URL by which clients reach the service; None to trust each request.
        cache_bytes: Bytes of the disk that verified shards may take.
        largest_shard: Bytes of the largest shard that is proxied.
        rate: Requests a minute of one client; 0 for no limit.
        buckets: S3 buckets whose objects any client may read through this service.
    """

    data: Path
    database: str | None = field(default=None, repr=False)
    sources: tuple[Source, ...] = ()
    base_url: str | None = None
    cache_bytes: int = 10 * 2**30
    largest_shard: int = 2 * 2**30
    rate: int = 600
    buckets: frozenset[str] = field(default_factory=frozenset)


def create_app(settings: Settings) -> Starlette:
    """Return the service, as an ASGI application; it follows the network while it runs.

    Raises:
        StorageError: The database or the cache can't be opened.
        MissingExtra: Its driver is not installed.
    """
    database = open_database(settings.database or settings.data / "appview.db")
    network = Network(source.url for source in settings.sources if source.kind == "pds")
    ingest = Ingest(database, network, settings.sources)
    cache = ShardCache(settings.data / "shards", settings.cache_bytes)
    fetcher = Fetcher(cache, largest=settings.largest_shard, buckets=settings.buckets)
    backend = Backend(
        Reading(database),
        ShardFinder(fetcher),
        fetcher,
        searches=Pool("searches", _SEARCHES),
        lookups=Pool("lookups", _LOOKUPS),
    )
    proxy = Proxy(backend)
    base = settings.base_url.rstrip("/") if settings.base_url else None
    queries = Queries(backend, base, [source.name for source in settings.sources])
    pages = Pages(backend, Previews(fetcher), queries.base)
    requests: Counter[tuple[str, int]] = Counter()
    metrics = ServiceMetrics(requests, ingest, backend, proxy)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        ingest.start()
        try:
            yield
        finally:
            await asyncio.to_thread(ingest.stop)
            await asyncio.to_thread(backend.close)
            database.close()

    async def health(_: Request) -> Response:
        failing = {
            name: type(error).__name__ for name, error in ingest.workers.failing.copy().items()
        }
        broken = ingest.workers.is_broken
        try:
            await backend.lookups.run(backend.reading.check)
        except StorageError as error:
            failing["database"], broken = type(error).__name__, True
        status = {"status": "failing" if failing else "ok", "failing": failing}
        return JSONResponse(status, 503 if broken else 200)

    return Starlette(
        routes=[
            *queries.routes(),
            Route("/wds/{actor}/{rkey}/{name}", proxy.answer),
            *pages.routes(),
            Route("/health", health),
            Route("/metrics", metrics.answer),
        ],
        middleware=[
            Middleware(RateLimit, rate=settings.rate, counts=requests),
            Middleware(
                CORSMiddleware,
                allow_origins=["*"],
                allow_methods=["GET", "HEAD"],
                allow_headers=["range", "if-range", "if-none-match"],
                expose_headers=_EXPOSED,
            ),
        ],
        lifespan=lifespan,
    )
