"""Metrics for Prometheus. Each service has a registry of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from atdata.appview.caching import Cached
from atdata.appview.ingest.follow import Ingest
from atdata.appview.proxy.backend import Backend
from atdata.appview.proxy.routes import Proxy

_PREFIX = "atdata_appview_"


class ServiceMetrics(Collector):
    """Metrics of a service, read from its parts when Prometheus asks.

    Args:
        requests: Requests by kind and status.
        ingest: Counts events, and knows which workers fail.
        backend: Counts records and fetches.
        proxy: Counts bytes sent.
    """

    def __init__(
        self, requests: Counter[tuple[str, int]], ingest: Ingest, backend: Backend, proxy: Proxy
    ) -> None:
        self._requests = requests
        self._ingest = ingest
        self._backend = backend
        self._proxy = proxy
        self._cache_bytes = Cached(lambda: backend.fetcher.cache.size)
        self._registry = CollectorRegistry()
        self._registry.register(self)

    async def answer(self, request: Request) -> Response:
        """Return all metrics, in the format that the client accepts."""
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        text = await self._backend.lookups.run(encode, self._registry)
        return Response(text, headers={"content-type": media_type})

    def collect(self) -> Iterator[Metric]:
        """Yield each metric; called by Prometheus's library."""
        ingest, workers = self._ingest, self._ingest.workers
        fetches = self._backend.fetcher.started
        requests = _counter("requests", "Requests.", "kind", "status")
        for (kind, status), count in sorted(self._requests.copy().items()):
            requests.add_metric([kind, str(status)], count)
        yield requests
        known = _gauge("known", "Records and repositories in the database.", "what")
        yield _filled(known, self._backend.reading.counts())
        yield _filled(_counter("events", "Events received.", "source"), ingest.received)
        unreadable = _counter("unreadable", "Messages that could not be read.", "source")
        yield _filled(unreadable, ingest.ledger.unreadable)
        failures = _counter("worker_failures", "Failures of workers.", "worker")
        yield _filled(failures, workers.failures)
        yield _filled(_gauge("workers_failing", "Workers that fail now."), len(workers.failing))
        yield _filled(_gauge("cache_bytes", "Size of the cache of shards."), self._cache_bytes())
        yield _filled(_counter("fetches", "Fetches of shards begun."), fetches)
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
