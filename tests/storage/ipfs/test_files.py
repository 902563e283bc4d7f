"""Files of IPFS, from a real gateway, and from one that lies."""

from __future__ import annotations

import random
import threading
import urllib.request
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import atdata
from atdata.errors import (
    AtdataError,
    DigestMismatch,
    NetworkError,
    ShardError,
    StorageError,
    UrlError,
)
from atdata.sources.registry import open_url
from atdata.storage.ipfs import files as ipfs
from atdata.storage.ipfs.cids import RAW, Cid
from atdata.storage.ipfs.files import IPFS, split_url
from atdata.testing import Thing, shard_bytes, things
from servers.ipfs import IpfsGateway
from servers.proxy import proxy_to
from servers.web import Answer, Web, web_server

from . import dag

CONTENT = random.Random(5).randbytes(30_000)
# Six levels of blocks, where usual files of this size are one.
TREE = {"chunker": "size-500", "max_file_links": 3}


@pytest.fixture(autouse=True)
def nothing_is_remembered() -> None:
    ipfs._root.cache_clear()


@pytest.fixture
def tree(ipfs_env: IpfsGateway) -> str:
    return ipfs_env.add(CONTENT, **TREE)


def read(cid: str | Cid, **part: int) -> bytes:
    with IPFS().open_range(f"ipfs://{cid}", **part).stream as stream:  # type: ignore[arg-type]
        return stream.read()


def read_into(got: bytearray, cid: str) -> None:
    with IPFS().open_range(f"ipfs://{cid}").stream as stream:
        while piece := stream.read(100):
            got += piece


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chunker": "size-262144"},
        {"chunker": "size-1000"},
        TREE,
        {"chunker": "size-1000", "cid_version": 0, "raw_leaves": False},
        TREE | {"cid_version": 1, "raw_leaves": False},
    ],
)
@pytest.mark.parametrize("content", [b"", b"x", CONTENT], ids=len)
def test_files_of_every_layout_are_read(
    content: bytes, options: dict[str, object], ipfs_env: IpfsGateway
) -> None:
    cid = ipfs_env.add(content, **options)
    opened = IPFS().open_range(f"ipfs://{cid}")
    with opened.stream as stream:
        assert stream.read() == content
    assert (opened.start, opened.size, opened.tag) == (0, len(content), cid)


def test_a_large_file_is_read(ipfs_env: IpfsGateway) -> None:
    content = random.Random(1).randbytes(5_000_000)
    assert read(ipfs_env.add(content)) == content


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(0, 30_001), length=st.none() | st.integers(0, 3_000))
def test_every_part_of_a_file_is_read(tree: str, start: int, length: int | None) -> None:
    stop = None if length is None else start + length
    opened = IPFS().open_range(f"ipfs://{tree}", start=start, stop=stop)
    with opened.stream as stream:
        assert stream.read() == CONTENT[start:stop]
    assert (opened.start, opened.size) == (start, len(CONTENT))


def test_bytes_within_inner_blocks_are_read(ipfs_env: IpfsGateway) -> None:
    leaves = [CONTENT[10:20], CONTENT[25:30]]
    for content in leaves:
        ipfs_env.put_block(content, "raw")
    inner = dag.file([dag.leaf(leaves[0])], data=CONTENT[4:10])
    ipfs_env.put_block(inner)
    middle = dag.node([], dag.unixfs(dag.RAW_DATA, CONTENT[20:25], size=5))
    ipfs_env.put_block(middle)
    parts = [(dag.cid_of(inner), 16), (dag.cid_of(middle), 5), dag.leaf(leaves[1])]
    root = ipfs_env.put_block(dag.file(parts, data=CONTENT[:4]))
    for start in range(31):
        for stop in range(start, 31):
            assert read(root, start=start, stop=stop) == CONTENT[start:stop]


def test_a_file_of_one_block_comes_whole(
    ipfs_env: IpfsGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    cid = ipfs_env.put_block(CONTENT, "raw")
    opened = IPFS().open_range(f"ipfs://{cid}", start=100, stop=200)
    with opened.stream as stream:
        assert stream.read() == CONTENT
    assert (opened.start, opened.size, opened.tag) == (0, len(CONTENT), cid)
    monkeypatch.setattr(ipfs, "_LARGEST_RAW", len(CONTENT) - 1)
    with pytest.raises(ShardError, match="no end"):
        read(cid)


def test_paths_lead_to_files(ipfs_env: IpfsGateway) -> None:
    inner = ipfs_env.add_folder({"a b.tar": b"spaced", "ü.tar": b"umlaut", "100%.tar": CONTENT})
    outer = ipfs_env.put_block(dag.folder({"in": Cid.parse(inner)}))
    assert read(f"{inner}/100%25.tar") == CONTENT
    assert read(f"{outer}/in/a%20b.tar") == b"spaced"
    assert read(f"{outer}/in/%C3%BC.tar") == read(f"{outer}/in/ü.tar") == b"umlaut"
    opened = IPFS().open_range(f"ipfs://{outer}/in/a%20b.tar")
    with opened.stream:
        assert opened.tag == ipfs_env.add(b"spaced")


def test_datasets_are_read_from_folders_by_braces(ipfs_env: IpfsGateway) -> None:
    shards = {f"x-{n:03}.tar": shard_bytes(2, start=2 * n) for n in range(3)}
    url = f"ipfs://{ipfs_env.add_folder(shards)}/x-{{000..002}}.tar"
    assert list(atdata.Dataset[Thing](url).ordered()) == things(6)


def test_a_dataset_that_was_read_needs_no_gateway(liar: Web, ipfs_env: IpfsGateway) -> None:
    url = f"ipfs://{ipfs_env.add(shard_bytes(500), chunker='size-100000')}"
    assert list(atdata.Dataset[Thing](url).ordered()) == things(500)
    liar.seen.clear()
    assert list(atdata.Dataset[Thing](url).ordered()) == things(500)
    assert liar.seen == []


def test_bytes_of_another_tag_are_refused(tree: str, ipfs_env: IpfsGateway) -> None:
    with IPFS().open_range(f"ipfs://{tree}", tag=tree).stream as stream:
        assert stream.read() == CONTENT
    with pytest.raises(StorageError, match=tree):
        IPFS().open_range(f"ipfs://{tree}", tag=ipfs_env.add(b"another"))


@pytest.mark.parametrize(
    ("path", "error", "why"),
    [
        ("/b.tar", StorageError, "has no 'b.tar'"),
        ("/a.tar/b.tar", StorageError, "is a file"),
        ("", StorageError, "is a folder"),
        ("/link", StorageError, "is a symlink"),
        ("/many", StorageError, "is a sharded folder"),
        ("/many/a.tar", StorageError, "is a sharded folder"),
        ("/broken", ShardError, "not a UnixFS node"),
        ("/", UrlError, "not a URL of IPFS"),
        ("/../a.tar", UrlError, "not a URL of IPFS"),
        ("/%2e%2e/a.tar", UrlError, "not a URL of IPFS"),
        ("/a.tar?format=car", UrlError, "not a URL of IPFS"),
        ("/a.tar#x", UrlError, "not a URL of IPFS"),
    ],
)
def test_paths_to_nowhere_raise(
    path: str, error: type[AtdataError], why: str, ipfs_env: IpfsGateway
) -> None:
    entries = {
        "a.tar": ipfs_env.add(b"a"),
        "link": ipfs_env.put_block(dag.node([], dag.unixfs(dag.SYMLINK, b"/etc/passwd"))),
        "many": ipfs_env.put_block(dag.folder({}, dag.SHARDED)),
        "broken": ipfs_env.put_block(b"?"),
    }
    root = ipfs_env.put_block(dag.folder({name: Cid.parse(cid) for name, cid in entries.items()}))
    with pytest.raises(error, match=why) as caught:
        IPFS().open_range(f"ipfs://{root}{path}")
    place = f"{caught.value.uri}{caught.value.shard}{caught.value}"
    assert root in place


@pytest.mark.parametrize("url", ["ipfs://", "ipfs://example.com/a", "ipfs:///a", "ipfs://ipfs/Qm"])
def test_urls_without_a_cid_are_refused(url: str) -> None:
    with pytest.raises(UrlError, match="not a CID of a file"):
        split_url(url)


def test_names_that_may_change_are_refused() -> None:
    with pytest.raises(UrlError, match="without a digest"):
        atdata.URLSource("ipns://example.com/a.tar")


def test_a_block_that_no_node_has_raises(ipfs_env: IpfsGateway) -> None:
    missing = dag.cid_of(b"nobody has this", RAW)
    root = ipfs_env.put_block(dag.file([(missing, 15)]))
    opened = IPFS().open_range(f"ipfs://{root}")
    with opened.stream as stream, pytest.raises(NetworkError, match="404") as caught:
        stream.read()
    assert caught.value.shard == f"ipfs://{root}"
    assert "IPFS_GATEWAY" in (caught.value.hint or "")


# A gateway in front of the real one, that lies.


class Lying(dict[str, Answer]):
    """What the real gateway answers, after ``change`` of the block whose CID it is."""

    def __init__(self, real: IpfsGateway) -> None:
        super().__init__()
        self.real = real
        self.change: Callable[[str, bytes], bytes] = lambda cid, block: block

    def get(self, path: str, default: object = None) -> Answer:  # type: ignore[override]
        with urllib.request.urlopen(self.real.url + path) as answer:
            block = answer.read()
        return Answer(self.change(path.removeprefix("/ipfs/").partition("?")[0], block))


@pytest.fixture
def liar(ipfs_env: IpfsGateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    with web_server() as web:
        web.answers = Lying(ipfs_env)  # type: ignore[assignment]
        monkeypatch.setenv("IPFS_GATEWAY", web.url(""))
        yield web


def asked(web: Web) -> list[str]:
    return [path.removeprefix("/ipfs/").partition("?")[0] for path, _ in web.seen]


LIES = {
    "flipped": lambda block: block[:-1] + bytes([block[-1] ^ 1]),
    "cut": lambda block: block[:-1],
    "empty": lambda block: b"",
    "longer": lambda block: block + b"\0",
    "other block": lambda block: dag.file([dag.leaf(b"other")]),
    "other data": lambda block: b"other",
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("which", [0, 1, 2, 3, 10, -1])
def test_no_lie_is_believed(lie: str, which: int, liar: Web, tree: str) -> None:
    assert read(tree) == CONTENT
    victim = asked(liar)[which]
    ipfs._root.cache_clear()
    liar.answers.change = lambda cid, block: (  # type: ignore[attr-defined]
        LIES[lie](block) if cid == victim else block
    )
    got = bytearray()
    with pytest.raises(DigestMismatch, match=victim) as caught:
        read_into(got, tree)
    assert caught.value.shard == f"ipfs://{tree}"
    assert CONTENT.startswith(got)
    assert len(got) < len(CONTENT)


def test_a_lie_about_a_folder_is_not_believed(liar: Web, ipfs_env: IpfsGateway) -> None:
    root = ipfs_env.add_folder({"a.tar": b"a", "b.tar": b"b"})
    swapped = ipfs_env.block(root).replace(b"a.tar", b"?").replace(b"b.tar", b"a.tar")
    liar.answers.change = lambda cid, block: (  # type: ignore[attr-defined]
        swapped if cid == root else block
    )
    with pytest.raises(DigestMismatch, match=root):
        read(f"{root}/a.tar")


@pytest.mark.parametrize("lie", LIES)
def test_a_file_of_one_block_is_checked_before_it_is_given_out(
    lie: str, liar: Web, ipfs_env: IpfsGateway
) -> None:
    cid = ipfs_env.put_block(CONTENT, "raw")
    liar.answers.change = lambda cid, block: LIES[lie](block)  # type: ignore[attr-defined]
    with pytest.raises(DigestMismatch, match=cid):
        IPFS().open_range(f"ipfs://{cid}")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_fuzzed_answers_never_become_wrong_bytes(data: st.DataObject, liar: Web, tree: str) -> None:
    turn = data.draw(st.integers(0, 130))
    change = data.draw(st.binary(max_size=40) | st.integers(1, 255))
    liar.seen.clear()
    ipfs._root.cache_clear()

    def fuzz(cid: str, block: bytes) -> bytes:
        if len(liar.seen) != turn:
            return block
        if isinstance(change, bytes):
            return change
        return bytes([block[0] ^ change]) + block[1:]

    liar.answers.change = fuzz  # type: ignore[attr-defined]
    try:
        assert read(tree) == CONTENT
    except DigestMismatch as error:
        assert error.shard == f"ipfs://{tree}"  # noqa: PT017 - both ways out are sound


# Trees that are what their CIDs say, but no files: whoever made them means harm.


def test_sizes_that_lie_are_found(ipfs_env: IpfsGateway) -> None:
    ipfs_env.put_block(b"four", "raw")
    short = ipfs_env.put_block(dag.file([(dag.leaf(b"four")[0], 5)]))
    with pytest.raises(ShardError, match="not a part of 5 bytes"):
        read(short)
    folder = ipfs_env.put_block(dag.folder({}))
    with pytest.raises(ShardError, match="not a part of 1 bytes"):
        read(ipfs_env.put_block(dag.file([(Cid.parse(folder), 1)])))


def test_a_chain_of_blocks_has_an_end(ipfs_env: IpfsGateway) -> None:
    ipfs_env.put_block(b"x", "raw")
    part = dag.leaf(b"x")
    roots = [part[0]]
    for _ in range(ipfs.DEEPEST + 1):
        roots.append(Cid.parse(ipfs_env.put_block(dag.file([(roots[-1], 1)]))))
    assert read(roots[-2]) == b"x"
    with pytest.raises(ShardError, match="deeper than 16 levels"):
        read(roots[-1])


def test_parts_without_bytes_are_not_walked(liar: Web, ipfs_env: IpfsGateway) -> None:
    empty = Cid.parse(ipfs_env.put_block(dag.file([])))
    for _ in range(10):
        empty = Cid.parse(ipfs_env.put_block(dag.file([(empty, 0)] * 100)))
    ipfs_env.put_block(b"x", "raw")
    root = ipfs_env.put_block(dag.file([(empty, 0), dag.leaf(b"x"), (empty, 0)]))
    assert read(root) == b"x"
    assert len(liar.seen) == 2


# How much is asked for.


def test_a_part_needs_no_other_blocks(liar: Web, tree: str) -> None:
    assert read(tree, start=14_000, stop=14_500) == CONTENT[14_000:14_500]
    assert len(liar.seen) <= 6


def test_a_folder_is_asked_for_once(liar: Web, ipfs_env: IpfsGateway) -> None:
    folder = ipfs_env.add_folder({"a": b"a", "b": b"b"})
    assert read(f"{folder}/a") + read(f"{folder}/b") == b"ab"
    assert asked(liar).count(folder) == 1


def test_few_blocks_are_asked_for_ahead(liar: Web, tree: str) -> None:
    with IPFS().open_range(f"ipfs://{tree}").stream as stream:
        assert stream.read(1) == CONTENT[:1]
    assert len(liar.seen) < 40  # of 90


def test_a_stream_that_is_closed_early_leaves_no_thread(tree: str) -> None:
    before = threading.active_count()
    stream = IPFS().open_range(f"ipfs://{tree}").stream
    assert stream.read(1000) == CONTENT[:1000]
    assert threading.active_count() > before
    stream.close()
    assert threading.active_count() == before


def test_it_goes_on_after_broken_connections(
    ipfs_env: IpfsGateway, tree: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxy_to(ipfs_env.url) as proxy:
        proxy.cut_after = [3_000, 2_000, 5_000, 100]
        monkeypatch.setenv("IPFS_GATEWAY", proxy.url)
        with open_url(f"ipfs://{tree}") as stream:
            assert stream.read() == CONTENT
        assert not proxy.cut_after
