"""The code of the seed documents runs as written, block by block, on real servers.

Only the S3 endpoint, the handle and the password are substituted. Each document runs with the
embedded index and with Redis.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
from numpy.typing import NDArray

import atdata
from atdata._protocols import AbstractDataStore, AbstractIndex, DataSource, IndexEntry
from atdata.atmosphere import AtmosphereClient, AtmosphereIndex
from atdata.local import LocalDiskStore, LocalIndex, S3DataStore
from atdata.shards.writer import ShardWriter
from servers.atproto_pds import Account, Pds
from servers.s3 import S3Server

pytestmark = pytest.mark.xdist_group("pds")

SEEDS = Path(__file__).parent / "seeds"
BUCKETS = ("datasets-bucket", "public-datasets", "bucket")

Run = Callable[[str], None]


@atdata.packable
class MySample:
    """The sample type that the protocols reference speaks of."""

    features: NDArray[np.float32]
    label: int


def my_samples(count: int) -> list[MySample]:
    return [MySample(np.full(4, i, np.float32), i) for i in range(count)]


def blocks(document: str) -> dict[str, str]:
    text = (SEEDS / f"{document}.md").read_text()
    return dict(re.findall(r"```python (\S+)\n(.*?)```", text, re.DOTALL))


def test_every_block_of_the_documents_is_run() -> None:
    source = Path(__file__).read_text()
    for document in ("promotion", "protocols"):
        for name in blocks(document):
            assert f'run("{name}")' in source


@pytest.fixture(params=["sqlite", "redis"])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "redis":
        request.getfixturevalue("redis_client")
        monkeypatch.setenv("ATDATA_REDIS_URL", request.getfixturevalue("redis_url"))
    return str(request.param)


@pytest.fixture
def account(pds_env: Pds) -> Account:
    return pds_env.new_account()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, s3_server: S3Server) -> Path:
    """The working folder, with the credential files; and the buckets on the server."""
    monkeypatch.chdir(tmp_path)
    lines = "".join(f"{name}={value}\n" for name, value in s3_server.credentials.items())
    for name in ("creds.env", "new-s3-creds.env"):
        (tmp_path / name).write_text(lines)
    client = s3_server.client()
    there = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
    for bucket in BUCKETS:
        if bucket not in there:
            client.create_bucket(Bucket=bucket)
    return tmp_path


@pytest.fixture
def namespace() -> dict[str, Any]:
    return {"__name__": "seed", "atdata": atdata}


@pytest.fixture
def run(
    request: pytest.FixtureRequest,
    namespace: dict[str, Any],
    account: Account,
    s3_server: S3Server,
    backend: str,
    folder: Path,
) -> Run:
    code = blocks(request.node.get_closest_marker("document").args[0])

    def run_block(name: str) -> None:
        text = code[name].replace("http://localhost:9000", s3_server.endpoint)
        text = re.sub(r"(my)?handle\.bsky\.social", account.handle, text)
        text = text.replace("app-password", account.app_password)
        exec(compile(text, f"<{name}>", "exec", dont_inherit=True), namespace)

    return run_block


def login(account: Account) -> AtmosphereClient:
    client = AtmosphereClient()
    client.login(account.handle, account.app_password)
    return client


@pytest.mark.document("promotion")
def test_promotion_tutorial(
    run: Run, namespace: dict[str, Any], account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    run("imports")
    run("prepare")
    entry, index = namespace["local_entry"], namespace["local_index"]
    assert entry.name == "experiment-2024-001"
    assert entry.schema_ref == "atdata://local/sampleSchema/ExperimentSample@1.0.0"
    assert all(url.startswith("s3://datasets-bucket/experiments/") for url in entry.data_urls)

    run("promote")
    first = namespace["at_uri"]
    client = namespace["client"]
    assert first == f"at://{account.did}/ac.foundation.dataset.record/experiment-2024-001"

    run("metadata")
    described = AtmosphereIndex(client).get_dataset(namespace["at_uri"])
    assert described.name == "experiment-2024-001-v2"
    assert described.record.description == "Sensor measurements from Lab 302"
    assert list(described.record.tags) == ["experiment", "physics", "2024"]
    assert described.record.license == "CC-BY-4.0"

    run("existing-schema")
    assert namespace["existing"] == described.schema_ref
    assert "Will reuse instead of republishing" in capsys.readouterr().out

    namespace["entry1"] = index.insert_dataset(namespace["dataset"], name="one", prefix="one")
    namespace["entry2"] = index.insert_dataset(namespace["dataset"], name="two", prefix="two")
    run("same-schema-twice")
    published = AtmosphereIndex(client)
    refs = {published.get_dataset(namespace[uri]).schema_ref for uri in ("uri1", "uri2")}
    assert refs == {described.schema_ref}
    assert len(list(published.list_schemas())) == 1

    run("data-stays")
    assert namespace["at_uri"] == first
    assert AtmosphereIndex(client).get_dataset(first).data_urls == entry.data_urls

    run("data-copied")
    assert namespace["at_uri"] == first
    copied = AtmosphereIndex(client).get_dataset(first)
    assert all(url.startswith("s3://public-datasets/") for url in copied.data_urls)
    assert copied.content_cid == entry.content_cid

    run("verify")
    assert "Measurement shape: (32, 64)" in capsys.readouterr().out

    run("errors")
    assert "Missing schema" not in capsys.readouterr().out


@pytest.mark.document("promotion")
def test_promotion_errors_are_the_promised_builtins(run: Run, namespace: dict[str, Any]) -> None:
    run("imports")
    run("prepare")
    run("promote")
    entry, index, client = (namespace[name] for name in ("local_entry", "local_index", "client"))
    foreign = namespace["LocalDatasetEntry"](
        "unknown", "atdata://local/sampleSchema/Nobody@1.0.0", entry.data_urls
    )
    with pytest.raises(KeyError, match="Nobody"):
        namespace["promote_to_atmosphere"](foreign, index, client)
    empty = namespace["LocalDatasetEntry"]("empty", entry.schema_ref, [])
    with pytest.raises(ValueError, match="data URL"):
        namespace["promote_to_atmosphere"](empty, index, client)


@pytest.mark.document("promotion")
def test_complete_workflow_of_the_tutorial(
    run: Run, namespace: dict[str, Any], account: Account
) -> None:
    run("complete")
    assert namespace["at_uri"].startswith(f"at://{account.did}/ac.foundation.dataset.record/")
    run("load")
    (loaded,) = namespace["ds"].values()
    expected = {sample.features.tobytes(): sample.label for sample in namespace["samples"]}
    got = {sample.features.tobytes(): sample.label for sample in loaded.ordered()}
    assert got == expected


@pytest.mark.document("protocols")
def test_protocols_reference(
    run: Run,
    namespace: dict[str, Any],
    account: Account,
    folder: Path,
    s3_credentials: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    store = S3DataStore(credentials=s3_credentials, bucket="bucket")
    index = LocalIndex(data_store=store)
    shards = LocalDiskStore(folder / "data")
    namespace.update(index=index, MySample=MySample, store=store)
    namespace["dataset"] = made_of(my_samples(10), shards)
    index.publish_schema(MySample, version="1.0.0")

    run("dataset-operations")
    entry = namespace["entry"]
    assert entry.name == "my-dataset"
    assert entry.schema_ref == "atdata://local/sampleSchema/MySample@1.0.0"
    run("process-entry")
    namespace["process_entry"](entry)
    run("list-all-datasets")
    namespace["list_all_datasets"](index)
    assert "my-dataset: atdata://local/sampleSchema/MySample@1.0.0" in capsys.readouterr().out

    run("schema-operations")
    assert "MySample 1.0.0" in capsys.readouterr().out
    decoded = [(s.features.tolist(), s.label) for s in namespace["dataset"].ordered()]
    assert decoded == [([float(i)] * 4, i) for i in range(10)]

    run("write-dataset")
    assert namespace["write_dataset"](store, namespace["dataset"])
    run("store-methods")
    assert len(namespace["urls"]) == 1
    assert namespace["readable_url"].startswith("http")

    two = shards.write_shards(namespace["dataset"], prefix="two", maxcount=5)
    run("load-from-source")
    namespace["load_from_source"](atdata.URLSource(two))
    assert capsys.readouterr().out.count("Reading ") == 2
    namespace["source"] = RenamedShards(two)
    read: list[int] = []
    namespace["process_shard"] = lambda stream: read.append(len(stream.read()))
    run("source-methods")
    assert namespace["shard_ids"] == ["data-000000.tar", "data-000001.tar"]
    assert read == [shard.size for shard in two.shards]

    run("custom-source")
    assert namespace["dataset"].shard_list == ["shard-001.tar", "shard-002.tar"]

    index.insert_dataset(made_of(my_samples(3), shards), name="test")
    run("type-checking")
    for thing, protocol in (
        (index, AbstractIndex),
        (AtmosphereIndex(login(account)), AbstractIndex),
        (entry, IndexEntry),
        (store, AbstractDataStore),
        (namespace["source"], DataSource),
    ):
        assert isinstance(thing, protocol)


@pytest.mark.document("protocols")
def test_a_custom_source_of_the_reference_is_read(
    run: Run, namespace: dict[str, Any], folder: Path
) -> None:
    namespace["MySample"] = MySample
    run("custom-source")
    written = LocalDiskStore(folder).write_shards(
        made_of(my_samples(10), LocalDiskStore(folder / "in")), prefix="two", maxcount=5
    )
    files = dict(zip(["shard-001.tar", "shard-002.tar"], written, strict=True))

    class Filled(namespace["MyCustomSource"]):  # type: ignore[misc]
        def _open(self, shard_id: str) -> IO[bytes]:
            return Path(files[shard_id]).open("rb")

    dataset = atdata.Dataset[MySample](Filled({"endpoint": "nowhere"}))
    assert [sample.label for sample in dataset.ordered()] == list(range(10))


@pytest.mark.document("protocols")
def test_complete_example_of_the_reference(
    run: Run, namespace: dict[str, Any], account: Account, folder: Path
) -> None:
    index = LocalIndex(check_places=False)
    index.insert_dataset(
        made_of(my_samples(20), LocalDiskStore(folder / "data")), name="my-features"
    )
    run("complete")
    entry = namespace["atm_index"].get_dataset("my-features")
    assert entry.content_cid == index.get_dataset("my-features").content_cid
    decoded = namespace["atm_index"].decode_schema(entry.schema_ref)
    samples = atdata.Dataset[decoded](entry.data_urls[0]).ordered()
    assert [sample.label for sample in samples] == list(range(20))


@pytest.mark.document("protocols")
def test_backup_runs_in_both_directions(
    run: Run, namespace: dict[str, Any], account: Account, folder: Path
) -> None:
    run("backup")
    index = LocalIndex(check_places=False)
    for name in ("first", "second"):
        index.insert_dataset(made_of(my_samples(7), LocalDiskStore(folder / name)), name=name)
    published = AtmosphereIndex(login(account))
    namespace["backup_all_datasets"](index, published)
    assert {entry.name for entry in published.list_datasets()} == {"first", "second"}

    restored = LocalIndex(path=folder / "restored.db", data_store=LocalDiskStore(folder / "back"))
    namespace["backup_all_datasets"](published, restored)
    assert {entry.name for entry in restored.list_datasets()} == {"first", "second"}
    entry = restored.get_dataset("first")
    sample_type = restored.decode_schema(entry.schema_ref)
    samples = atdata.Dataset[sample_type](entry.data_urls[0]).ordered()
    assert [sample.label for sample in samples] == list(range(7))


def made_of(samples: list[MySample], store: LocalDiskStore) -> atdata.Dataset[MySample]:
    """A dataset of one shard on disk."""
    path = store.root / "made.tar"
    path.parent.mkdir(parents=True, exist_ok=True)
    with ShardWriter(path) as writer:
        for number, sample in enumerate(samples):
            writer.write(f"{number:06d}", sample.packed)
    return atdata.Dataset[MySample](str(path))


class RenamedShards:
    """A source of shards under the names that the reference uses."""

    def __init__(self, urls: list[str]) -> None:
        self._files = {f"data-{number:06d}.tar": Path(url) for number, url in enumerate(urls)}

    @property
    def shard_list(self) -> list[str]:
        return list(self._files)

    def shards(self) -> Iterator[tuple[str, IO[bytes]]]:
        for name in self._files:
            yield name, self.open_shard(name)

    def open_shard(self, shard_id: str) -> IO[bytes]:
        return io.BytesIO(self._files[shard_id].read_bytes())
