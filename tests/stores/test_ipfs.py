"""The IPFS store, against a real node."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import atdata
from atdata.atmosphere import AtmosphereClient, DatasetLoader, DatasetPublisher
from atdata.errors import DigestMismatch, NetworkError, StorageError, UrlError
from atdata.load import load_dataset
from atdata.shards.info import inspect_shard
from atdata.storage import retry
from atdata.storage.ipfs.cids import RAW, Cid
from atdata.stores import IPFSStore
from servers.ipfs import IpfsGateway
from servers.refusing import Refusal, Refusing, refusing_proxy
from storage.ipfs import dag

from .conftest import Number, numbers

MakeDataset = Callable[[int], atdata.Dataset[Number]]


@dataclass(frozen=True)
class Answer(Refusal):
    """What a node says in place of the real one."""

    said: bytes = b""

    @property
    def body(self) -> bytes:
        return self.said


def stored_as(cid: Cid | str) -> Answer:
    return Answer(200, "", said=json.dumps({"Name": "x", "Hash": str(cid)}).encode())


@pytest.fixture
def store(ipfs_env: IpfsGateway) -> IPFSStore:
    return IPFSStore()


@pytest.fixture
def liar(store: IPFSStore) -> Iterator[Refusing]:
    with refusing_proxy(store.api) as proxy:
        store.api = proxy.url
        yield proxy


def test_what_is_written_is_read(store: IPFSStore, make_dataset: MakeDataset) -> None:
    urls = store.write_shards(make_dataset(25), prefix="numbers", maxcount=10)
    assert [info.samples for info in urls.shards] == [10, 10, 5]
    # A small shard is one block, whose CID is that of the shard.
    assert list(urls) == [f"ipfs://{info.cid}" for info in urls.shards]
    assert list(atdata.Dataset[Number](list(urls)).ordered()) == numbers(25)


def test_shards_of_many_blocks_are_checked_leaf_by_leaf(
    store: IPFSStore, make_dataset: MakeDataset
) -> None:
    urls = store.write_shards(make_dataset(2_000), prefix="numbers")
    assert urls.shards[0].size > 1 << 20
    assert urls[0].startswith("ipfs://bafybei")
    assert list(atdata.Dataset[Number](list(urls)).ordered()) == numbers(2_000)


def test_the_same_bytes_are_the_same_url(store: IPFSStore, make_dataset: MakeDataset) -> None:
    first = store.write_shards(make_dataset(5), prefix="a")
    assert store.write_shards(make_dataset(5), prefix="b") == first
    copied = store.copy_shards(atdata.URLSource(first), prefix="c", infos=first.shards)
    assert (copied, copied.shards) == (first, first.shards)


def test_stock_readers_read_from_a_gateway(
    store: IPFSStore, make_dataset: MakeDataset, ipfs_gateway: IpfsGateway
) -> None:
    urls = store.write_shards(make_dataset(2_000), prefix="p")
    readable = list(map(store.read_url, urls))
    assert readable == [f"{ipfs_gateway.url}/ipfs/{url.removeprefix('ipfs://')}" for url in urls]
    assert list(atdata.Dataset[Number](readable).ordered()) == numbers(2_000)
    for url in ("s3://b/k", "ipfs://example.com"):
        with pytest.raises(UrlError):
            store.read_url(url)


def test_where_the_node_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert IPFSStore().api == "http://127.0.0.1:5001"
    monkeypatch.setenv("IPFS_API", "http://user:hunter2@node:5001/")
    assert IPFSStore().api == "http://user:hunter2@node:5001"
    assert repr(IPFSStore()) == "IPFSStore('http://node:5001')"
    assert IPFSStore("http://other:1").api == "http://other:1"


def test_a_node_that_stores_other_bytes_is_found_out(
    store: IPFSStore, liar: Refusing, make_dataset: MakeDataset
) -> None:
    liar.next_answers(stored_as(dag.cid_of(b"other", RAW)))
    with pytest.raises(DigestMismatch, match="other data") as caught:
        store.write_shards(make_dataset(5), prefix="p")
    assert (caught.value.shard or "").startswith("p/000000-")


def trees(content: bytes) -> dict[str, list[bytes]]:
    """Blocks of trees, root first, that are not the file but look like it."""
    size, half = len(content), len(content) // 2
    whole = dag.leaf(content[:half]), dag.leaf(content[half:])
    inner = dag.file([whole[0]])
    return {
        "swapped": [dag.file([*reversed(whole)])],
        "one part": [dag.file([whole[0]])],
        "twice": [dag.file([*whole, whole[0]])],
        "another size": [dag.file([whole[0], (whole[1][0], size - half - 1)])],
        "another head": [dag.file([whole[1]], data=b"x" * half)],
        "a folder": [dag.folder({"a": whole[0][0]})],
        "an inner folder": [
            dag.file([(dag.cid_of(dag.folder({})), size)]),
            dag.folder({}),
        ],
        "not that block": [dag.file([(dag.cid_of(inner), half), whole[1]]), dag.file([whole[1]])],
    }


@pytest.mark.parametrize("kind", sorted(trees(b"12")))
def test_a_tree_of_other_bytes_is_found_out(
    kind: str, store: IPFSStore, liar: Refusing, tmp_path: Path, make_dataset: MakeDataset
) -> None:
    path = Path(make_dataset(5).list_shards()[0])
    root, *rest = trees(path.read_bytes())[kind]
    blocks = [Answer(200, "", said=block) for block in (root, *rest)]
    liar.next_answers(stored_as(dag.cid_of(root)), *blocks)
    with pytest.raises(DigestMismatch, match="other data"):
        store.put(path, "p/x.tar", inspect_shard(path))


def test_trees_of_any_form_are_accepted_when_they_hold_the_bytes(
    store: IPFSStore, liar: Refusing, make_dataset: MakeDataset
) -> None:
    path = Path(make_dataset(5).list_shards()[0])
    content = path.read_bytes()
    inner = dag.file([dag.leaf(content[10:500])], data=content[:10])
    root = dag.file([(dag.cid_of(inner), 500), dag.leaf(content[500:])])
    blocks = [Answer(200, "", said=block) for block in (root, inner)]
    liar.next_answers(stored_as(dag.cid_of(root)), *blocks)
    assert store.put(path, "p/x.tar", inspect_shard(path)) == f"ipfs://{dag.cid_of(root)}"


@pytest.mark.parametrize(
    ("answer", "error", "why"),
    [
        (Answer(200, "", said=b""), StorageError, "does not answer with a CID"),
        (Answer(200, "", said=b"<html>"), StorageError, "does not answer with a CID"),
        (Answer(200, "", said=b'["x"]'), StorageError, "does not answer with a CID"),
        (stored_as("Qmx"), UrlError, "not a CID"),
        (Answer(403, "", said=b"forbidden"), StorageError, "403: Forbidden"),
        (
            Answer(500, "", said=b'{"Message": "no space left"}'),
            StorageError,
            "500: no space left",
        ),
    ],
)
def test_refusals_raise(
    answer: Answer,
    error: type[Exception],
    why: str,
    store: IPFSStore,
    liar: Refusing,
    make_dataset: MakeDataset,
) -> None:
    liar.next_answers(answer)
    with pytest.raises(error, match=why):
        store.write_shards(make_dataset(5), prefix="p")


def test_a_node_that_does_not_answer_raises(
    make_dataset: MakeDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "ATTEMPTS", 1)
    store = IPFSStore("http://user:hunter2@127.0.0.1:1")
    with pytest.raises(NetworkError, match="can't be reached") as caught:
        store.write_shards(make_dataset(5), prefix="p")
    assert "IPFS_API" in (caught.value.hint or "")
    assert "hunter2" not in str(caught.value)


@pytest.mark.xdist_group("pds")
def test_datasets_are_published_with_their_cids_and_loaded_verified(
    store: IPFSStore,
    make_dataset: MakeDataset,
    client: AtmosphereClient,
    ipfs_env: IpfsGateway,
) -> None:
    dataset = make_dataset(2_000)
    urls = store.write_shards(dataset, prefix="numbers", maxcount=1_500)
    uri = DatasetPublisher(client).publish(dataset, name="numbers", urls=urls)
    loader = DatasetLoader(client)
    assert loader.get_urls(uri) == list(urls)
    assert loader.get_shards(uri) == urls.shards
    assert list(load_dataset(str(uri), Number, split="train").ordered()) == numbers(2_000)


@pytest.mark.xdist_group("pds")
def test_datasets_are_published_with_hashes_from_elsewhere(
    make_dataset: MakeDataset, client: AtmosphereClient, ipfs_env: IpfsGateway
) -> None:
    """As seed 002 shows it: the file was added with other tools, and its hash is all there is."""
    dataset = make_dataset(50)
    ipfs_hash = ipfs_env.add(
        Path(dataset.list_shards()[0]).read_bytes(), cid_version=0, raw_leaves=False
    )
    uri = DatasetPublisher(client).publish(dataset, name="n", urls=[f"ipfs://{ipfs_hash}"])
    loaded = load_dataset(str(uri), Number, split="train")
    assert list(loaded.ordered()) == numbers(50)
