from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import Request

from atdata.appview.database.protocol import Database
from atdata.appview.database.reading import Reading
from atdata.appview.ingest.follow import Ingest
from atdata.appview.ingest.network import Network
from atdata.appview.metrics import ServiceMetrics
from atdata.appview.proxy.backend import Backend
from atdata.appview.proxy.fetching import Fetcher
from atdata.appview.proxy.routes import Proxy
from atdata.appview.proxy.shards import ShardFinder
from atdata.appview.threads import Pool
from atdata.cache.shard_cache import ShardCache

NAMES = {
    *("requests", "known", "events", "unreadable", "worker_failures", "workers_failing"),
    *("cache_bytes", "fetches", "sent_bytes"),
}


def metrics_of(
    database: Database, folder: Path, requests: Counter[tuple[str, int]]
) -> tuple[ServiceMetrics, Ingest]:
    ingest = Ingest(database, Network(), ())
    fetcher = Fetcher(ShardCache(folder, 2**20), largest=2**20)
    pools = Pool("searches", 1), Pool("lookups", 1)
    backend = Backend(Reading(database), ShardFinder(fetcher), fetcher, *pools)
    return ServiceMetrics(requests, ingest, backend, Proxy(backend)), ingest


def asked(metrics: ServiceMetrics, accept: str = "*/*") -> tuple[str, str]:
    headers = [(b"accept", accept.encode())]
    answer = asyncio.run(metrics.answer(Request({"type": "http", "headers": headers})))
    return bytes(answer.body).decode(), answer.headers["content-type"]


def test_labels_of_any_text_are_escaped(database: Database, tmp_path: Path) -> None:
    metrics, ingest = metrics_of(database, tmp_path, Counter({("page", 200): 3}))
    name = 'https://relay.example/a"b\\c\nforged 1'
    ingest.received[name] = 7
    text, _ = asked(metrics)
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert {f"atdata_appview_{one}" for one in NAMES} == set(families)
    (sample,) = families["atdata_appview_events"].samples
    assert (sample.name, sample.labels, sample.value) == (
        "atdata_appview_events_total",
        {"source": name},
        7.0,
    )


def test_two_services_of_one_process_count_by_themselves(
    database: Database, tmp_path: Path
) -> None:
    one, _ = metrics_of(database, tmp_path / "one", Counter({("page", 200): 3}))
    two, _ = metrics_of(database, tmp_path / "two", Counter({("page", 200): 5}))
    line = 'atdata_appview_requests_total{kind="page",status="200"}'
    assert f"{line} 3.0" in asked(one)[0]
    assert f"{line} 5.0" in asked(two)[0]


def test_openmetrics_is_answered_to_those_who_accept_it(database: Database, tmp_path: Path) -> None:
    metrics, _ = metrics_of(database, tmp_path, Counter())
    text, media_type = asked(metrics, "application/openmetrics-text; version=1.0.0")
    assert media_type.startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith("# EOF\n")
    text, media_type = asked(metrics)
    assert media_type.startswith("text/plain; version=")
    assert "# TYPE atdata_appview_sent_bytes_total counter" in text
