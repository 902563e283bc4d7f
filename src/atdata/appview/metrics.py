"""Metrics for Prometheus. Each service has a registry of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from atdata.appview.database.reading import Reading
from atdata.appview.ingest.follow import Ingest
from atdata.appview.proxy.fetching import Fetcher
from atdata.appview.proxy.routes import Proxy
from atdata.appview.threads import Pool

_PREFIX = "atdata_appview_"


class ServiceMetrics(Collector):
    """Metrics of a service, read from its parts when Prometheus asks.

    Args:
        requests: Requests by kind and status.
        reading: Counts records and repositories.
        ingest: Counts events, and knows which workers fail.
        fetcher: Counts fetches.
        proxy: Counts bytes sent.
        cache_bytes: Returns the size of the cache.
        pool: Reads the database.
    """

    def __init__(
        self,
        *,
        requests: Counter[tuple[str, int]],
        reading: Reading,
        ingest: Ingest,
        fetcher: Fetcher,
        proxy: Proxy,
        cache_bytes: Callable[[], int],
        pool: Pool,
    ) -> None:
        self._requests = requests
        self._reading = reading
        self._ingest = ingest
        self._fetcher = fetcher
        self._proxy = proxy
        self._cache_bytes = cache_bytes
        self._pool = pool
        self._registry = CollectorRegistry()
        self._registry.register(self)

    async def answer(self, request: Request) -> Response:
        """Return all metrics, in the format that the client accepts."""
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        text = await self._pool.run(encode, self._registry)
        return Response(text, headers={"content-type": media_type})

    def collect(self) -> Iterator[Metric]:
        """Yield each metric; called by Prometheus's library."""
        ingest, workers = self._ingest, self._ingest.workers
        requests = _counter("requests", "Requests.", "kind", "status")
        for (kind, status), count in sorted(self._requests.copy().items()):
            requests.add_metric([kind, str(status)], count)
        yield requests
        known = _gauge("known", "Records and repositories in the database.", "what")
        yield _filled(known, self._reading.counts())
        yield _filled(_counter("events", "Events received.", "source"), ingest.received)
        unreadable = _counter("unreadable", "Messages that could not be read.", "source")
        yield _filled(unreadable, ingest.ledger.unreadable)
        failures = _counter("worker_failures", "Failures of workers.", "worker")
        yield _filled(failures, workers.failures)
        yield _filled(_gauge("workers_failing", "Workers that fail now."), len(workers.failing))
        yield _filled(_gauge("cache_bytes", "Size of the cache of shards."), self._cache_bytes())
        yield _filled(_counter("fetches", "Fetches of shards begun."), self._fetcher.started)
        yield _filled(_counter("sent_bytes", "Bytes of shards sent."), self._proxy.sent)


def _counter(name: str, description: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(_PREFIX + name, description, labels=labels)


def _gauge(name: str, description: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(_PREFIX + name, description, labels=labels)


def _filled(
    family: CounterMetricFamily | GaugeMetricFamily, values: Mapping[str, int] | int
) -> Metric:
    """Return a metric with one value, or one for each value of its label."""
    if isinstance(values, int):
        family.add_metric([], values)
    else:
        for label, value in dict(values).items():
            family.add_metric([label], value)
    return family
