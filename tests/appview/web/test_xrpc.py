"""Every answer is what its lexicon says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from atdata.samples.schema import record_cid
from atdata_records.ac.foundation.dataset.describe_service import DescribeServiceOutput
from atdata_records.ac.foundation.dataset.get_dataset import GetDatasetOutput
from atdata_records.ac.foundation.dataset.get_latest_schema import GetLatestSchemaOutput
from atdata_records.ac.foundation.dataset.get_schema import GetSchemaOutput
from atdata_records.ac.foundation.dataset.list_datasets import ListDatasetsOutput
from atdata_records.ac.foundation.dataset.list_schemas import ListSchemasOutput
from atdata_records.ac.foundation.dataset.resolve_shards import ResolveShardsOutput
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema
from atdata_records.ac.foundation.dataset.search_datasets import SearchDatasetsOutput

from ..content import DID, dataset, schema, shard, with_blobs
from ..running import AppView, in_thread

OUTPUTS: dict[str, Any] = {
    "describeService": DescribeServiceOutput,
    "getDataset": GetDatasetOutput,
    "getLatestSchema": GetLatestSchemaOutput,
    "getSchema": GetSchemaOutput,
    "listDatasets": ListDatasetsOutput,
    "listSchemas": ListSchemasOutput,
    "resolveShards": ResolveShardsOutput,
    "searchDatasets": SearchDatasetsOutput,
}


def ask(appview: AppView, name: str, /, **params: Any) -> Any:
    answer = appview.query(name, **params)
    assert answer.status_code == 200, answer.text
    return OUTPUTS[name].from_json(answer.content)


@pytest.fixture
def filled(appview: AppView) -> AppView:
    appview.follow(DID, "https://pds.example", "lab.test")
    appview.put(DID, "blobs", with_blobs("in blobs", [shard(1), shard(2)], tags=["Small"]))
    appview.put(DID, "urls", dataset("at urls", license="CC0-1.0", description="words to find"))
    for version in ("1.2.0", "1.10.0", "2.0.0-rc.1"):
        appview.put(DID, f"Sample:{version}", schema("Sample", version))
    return appview


def test_listing_and_searching(filled: AppView) -> None:
    first = ask(filled, "listDatasets", limit=1)
    assert [view.name for view in first.datasets] == ["at urls"]
    rest = ask(filled, "listDatasets", limit=1, cursor=first.cursor)
    assert [view.name for view in rest.datasets] == ["in blobs"]
    assert rest.cursor is None
    for query, name in (
        ({"q": "wor find"}, "at urls"),
        ({"tags": "small"}, "in blobs"),
        ({"license": "CC0-1.0", "author": "lab.test"}, "at urls"),
    ):
        assert [view.name for view in ask(filled, "searchDatasets", **query).datasets] == [name]
    assert ask(filled, "searchDatasets", author="nobody.test").datasets == []


def test_one_dataset_and_its_shards(filled: AppView) -> None:
    for authority in (DID, "lab.test"):
        uri = f"at://{authority}/ac.foundation.dataset.record/blobs"
        found = ask(filled, "getDataset", uri=uri)
        assert found.dataset.handle == "lab.test"
        assert found.record["name"] == "in blobs"
        shards = ask(filled, "resolveShards", uri=uri)
        assert (
            shards.wds
            == found.dataset.wds
            == f"{filled.url}/wds/{DID}/blobs/{{000000..000001}}.tar"
        )
        assert [one.size for one in shards.shards] == [len(shard(1)), len(shard(2))]
    urls = ask(filled, "resolveShards", uri=f"at://{DID}/ac.foundation.dataset.record/urls")
    assert [one.source for one in urls.shards] == [
        "https://example.com/data-000000.tar",
        "https://example.com/data-000001.tar",
    ]


def test_schemas(filled: AppView) -> None:
    assert len(ask(filled, "listSchemas", name="Sample").schemas) == 3
    latest = ask(filled, "getLatestSchema", author="lab.test", name="Sample")
    assert latest.schema.version == "1.10.0"
    assert record_cid(SampleSchema.from_dict(latest.record)) == latest.schema.schema_cid
    assert ask(filled, "getSchema", uri=latest.schema.uri).schema == latest.schema


def test_the_service_describes_itself(filled: AppView) -> None:
    about = ask(filled, "describeService")
    assert (about.datasets, about.schemas, about.repositories) == (2, 3, 1)


@pytest.mark.parametrize(
    ("name", "params", "status", "code"),
    [
        ("searchDatasets", {"limit": "0"}, 400, "InvalidRequest"),
        ("searchDatasets", {"limit": "x"}, 400, "InvalidRequest"),
        ("searchDatasets", {"q": "x" * 2000}, 400, "InvalidRequest"),
        ("listDatasets", {"cursor": "made up"}, 400, "BadCursor"),
        ("listDatasets", {"author": "not an author"}, 400, "InvalidRequest"),
        ("getDataset", {}, 400, "InvalidRequest"),
        ("getDataset", {"uri": "at://lab.test"}, 400, "InvalidRequest"),
        ("getDataset", {"uri": "at://lab.test/ac.foundation.dataset.record/no"}, 404, "NotFound"),
        ("getSchema", {"uri": "at://lab.test/ac.foundation.dataset.record/urls"}, 404, "NotFound"),
        ("getLatestSchema", {"author": "x.test", "name": "Sample"}, 404, "NotFound"),
    ],
)
def test_refusals(
    filled: AppView, name: str, params: dict[str, str], status: int, code: str
) -> None:
    answer = filled.query(name, **params)
    assert (answer.status_code, answer.json()["error"]) == (status, code)


def test_answers_need_not_be_loaded_twice(filled: AppView) -> None:
    path = "/xrpc/ac.foundation.dataset.listSchemas"
    etag = filled.get(path).headers["etag"]
    assert filled.get(path, headers={"if-none-match": etag}).status_code == 304
    filled.put(DID, "Sample:3.0.0", schema("Sample", "3.0.0"))
    assert filled.get(path, headers={"if-none-match": etag}).status_code == 200


def test_other_sites_may_ask(appview: AppView) -> None:
    path = "/xrpc/ac.foundation.dataset.listDatasets"
    answer = appview.get(path, headers={"origin": "https://other.example"})
    assert answer.headers["access-control-allow-origin"] == "*"


def test_a_client_that_asks_too_often_has_to_wait(tmp_path: Path) -> None:
    with in_thread(tmp_path / "limited", rate=3) as appview:
        answers = [appview.query("listDatasets") for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert int(answers[-1].headers["retry-after"]) > 0
        assert appview.get("/health").json()["status"] == "ok"
        metrics = appview.get("/metrics").text
    assert 'atdata_appview_requests_total{kind="xrpc",status="429"} 2' in metrics
    assert 'atdata_appview_known{what="datasets"} 0' in metrics


def test_only_reading_is_possible(appview: AppView) -> None:
    answer = httpx.post(f"{appview.url}/xrpc/ac.foundation.dataset.listDatasets")
    assert answer.status_code == 405
