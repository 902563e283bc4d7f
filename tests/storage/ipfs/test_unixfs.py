from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from atdata.errors import ShardError
from atdata.storage.ipfs.cids import DAG_PB, RAW, Cid
from atdata.storage.ipfs.unixfs import Link, Node, read_node
from servers.ipfs import IpfsGateway

from . import dag

A, B = dag.leaf(b"aaaa"), dag.leaf(b"bb")
SOUND = dag.file([A, B])
CID = dag.cid_of(SOUND)


def read(block: bytes) -> Node:
    return read_node(dag.cid_of(block), block)


def test_a_raw_block_is_bytes_of_a_file() -> None:
    assert read_node(dag.cid_of(b"x", RAW), b"x") == Node("file", b"x", (), 1)


def test_a_file_has_parts_with_sizes() -> None:
    assert read(SOUND) == Node("file", b"", (Link(A[0], "", 4), Link(B[0], "", 2)), 6)


def test_bytes_of_its_own_come_first() -> None:
    node = read(dag.file([A], data=b"head"))
    assert (node.data, node.size) == (b"head", 8)


def test_a_folder_has_entries_with_names() -> None:
    node = read(dag.folder({"a.tar": A[0], "ü": B[0]}))
    assert node == Node("folder", b"", (Link(A[0], "a.tar"), Link(B[0], "ü")), 0)


def test_links_of_version_0_are_read() -> None:
    old = Cid(DAG_PB, A[0].digest, 0)
    assert read(dag.folder({"a": old})).links == (Link(old, "a"),)


def test_sizes_may_be_packed() -> None:
    packed = dag.varint(4) + dag.varint(2)
    inner = dag.field(1, dag.FILE) + dag.field(3, 6) + dag.field(4, packed)
    assert read(dag.node([dag.link(A[0]), dag.link(B[0])], inner)) == read(SOUND)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (dag.RAW_DATA, "file"),
        (dag.FILE, "file"),
        (dag.SYMLINK, "symlink"),
        (dag.SHARDED, "sharded folder"),
        (dag.METADATA, "metadata"),
        (77, "unknown kind 77"),
    ],
)
def test_kinds_are_named(kind: int, name: str) -> None:
    assert read(dag.node([], dag.unixfs(kind, b"x"))).kind == name


def test_what_the_reference_implementation_writes_is_read(ipfs_gateway: IpfsGateway) -> None:
    content = bytes(range(256)) * 40
    text = ipfs_gateway.add(content, chunker="size-3000")
    node = read_node(Cid.parse(text), ipfs_gateway.block(text))
    assert (node.kind, node.size) == ("file", len(content))
    assert [part.size for part in node.links] == [3000, 3000, 3000, 1240]
    assert b"".join(ipfs_gateway.block(str(part.cid)) for part in node.links) == content


@pytest.mark.parametrize(
    ("block", "why"),
    [
        (b"", "kind is missing"),
        (dag.node([], b""), "kind is missing"),
        (SOUND[:-1], "too early"),
        (SOUND + SOUND, "unknown field"),
        (dag.field(3, 1) + SOUND, "unknown field"),
        (dag.varint(1 << 3 | 5) + b"\0\0\0\0\0", "wire type"),
        (dag.node([dag.field(2, b"")], dag.unixfs(dag.FILE, sizes=[1])), "leads nowhere"),
        (dag.node([dag.field(2, dag.field(1, b"?"))], dag.unixfs(dag.FOLDER)), "version"),
        (dag.node([], dag.unixfs(dag.FILE, sizes=[1])), "sizes of 1"),
        (dag.file([A, B], size=5), "declares a size"),
        (dag.file([(A[0], 1 << 63)]), "declares a size"),
        (dag.field(1, dag.field(1, 2) + b"\x18" + b"\xff" * 12), "too large"),
    ],
)
def test_what_can_not_be_is_refused(block: bytes, why: str) -> None:
    with pytest.raises(ShardError, match=why) as caught:
        read(block)
    assert str(dag.cid_of(block)) in str(caught.value)


def check(block: bytes) -> None:
    try:
        node = read_node(CID, block)
    except ShardError:
        return
    assert node.size == len(node.data) + sum(part.size for part in node.links)


@given(st.binary(max_size=300))
@example(b"\x12\x02\x12\xff")
def test_any_bytes_are_a_node_or_refused(block: bytes) -> None:
    check(block)


@given(st.integers(0, len(SOUND) - 1), st.integers(1, 255))
def test_any_change_of_a_sound_one_is_a_node_or_refused(at: int, change: int) -> None:
    block = bytearray(SOUND)
    block[at] ^= change
    check(bytes(block))
