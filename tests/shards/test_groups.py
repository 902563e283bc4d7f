from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from atdata.errors import ShardError
from atdata.shards import groups
from atdata.shards.member_group import MemberGroup
from atdata.shards.reader import read_file, read_stream
from atdata.shards.tar import MAX_PAYLOAD
from shards.shard_bytes import extended, member, shard


def read(data: bytes) -> list[tuple[str, int, dict[str, bytes]]]:
    found = []
    for _, key, offset, group in read_stream(io.BytesIO(data), "s.tar"):
        assert isinstance(group, MemberGroup)
        found.append((key, offset, {name: bytes(part) for name, part in group.items()}))
    return found


def test_a_group_maps_extensions_to_payloads_in_their_order() -> None:
    data = shard(
        [
            member(b"a.jpg", b"j"),
            member(b"a.CLS", b"1"),
            member(b"a.left.png", b"p"),
            member(b"b.cls", b"2"),
        ]
    )
    assert read(data) == [
        ("a", 0, {"jpg": b"j", "cls": b"1", "left.png": b"p"}),
        ("b", 3072, {"cls": b"2"}),
    ]
    assert list(read(data)[0][2]) == ["jpg", "cls", "left.png"]


def test_pickles_and_any_other_members_are_in_the_group_unopened() -> None:
    bomb = b"cos\nsystem\n(S'touch /tmp/pwned'\ntR."
    assert read(shard([member(b"a.pyd", bomb), member(b"a.x-y", b"")]))[0][2]["pyd"] == bomb


def test_a_group_reports_its_place_and_size(tmp_path: Path) -> None:
    path = tmp_path / "s.tar"
    pax = extended("mtime=1.5")
    path.write_bytes(shard([member(b"a.x"), pax, member(b"b.x", b"1"), member(b"b.y", b"z" * 600)]))
    group = [payload for *_, payload in read_file(path, "s.tar")][1]
    assert isinstance(group, MemberGroup)
    start = 512 + len(pax)
    assert (group.key, group.offset, group.end, group.size) == ("b", start, start + 2560, 601)


def test_a_copy_of_a_group_is_equal_and_has_bytes_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "s.tar"
    path.write_bytes(shard([member(b"a.x", b"1"), member(b"a.y", b"2")]))
    ((*_, group),) = read_file(path, "s.tar")
    assert isinstance(group, MemberGroup)
    copy = group.copied()
    assert copy == group
    assert {type(part.obj) for part in copy.values()} == {bytes}


@pytest.mark.parametrize(
    ("names", "message", "offset"),
    [
        (["a.x", "a.y", "a.X"], "the field x is there twice", 1024),
        (["a.x", "b.x", "a.y"], "spread apart", 1024),
        (["b.x", "a.x", "c.x", "a.x"], "spread apart", 1536),
    ],
)
def test_members_that_are_twice_or_apart_are_refused(
    names: list[str], message: str, offset: int
) -> None:
    with pytest.raises(ShardError, match=message) as caught:
        read(shard(member(name.encode()) for name in names))
    assert (caught.value.member, caught.value.offset) == (names[-1], offset)


def test_samples_before_a_damaged_place_are_yielded_but_no_part_of_one() -> None:
    data = shard(member(name) for name in (b"a.x", b"a.y", b"b.x", b"b.y"))
    reading = read_stream(io.BytesIO(data[:1800]), "s.tar")
    assert next(reading)[1] == "a"
    with pytest.raises(ShardError, match=r"ends inside|no end of archive"):
        next(reading)


def test_a_group_of_too_many_members_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "MOST_MEMBERS", 100)
    assert len(read(shard(member(b"a.%d" % n) for n in range(100)))[0][2]) == 100
    with pytest.raises(ShardError, match="more than 100 members") as caught:
        read(shard(member(b"a.%d" % n) for n in range(101)))
    assert caught.value.code == "TAR_TOO_LARGE"


def test_a_group_of_too_many_bytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert groups.MAX_PAYLOAD == MAX_PAYLOAD
    monkeypatch.setattr(groups, "MAX_PAYLOAD", 4096)
    parts = [member(b"a.%d" % n, b"x" * 1024) for n in range(4)]
    assert len(read(shard(parts[:3]))) == 1
    with pytest.raises(ShardError, match="members of more than 4,096 bytes") as caught:
        read(shard(parts))
    assert caught.value.member == "a.3"


def test_a_compressed_group_can_be_no_larger_than_a_compressed_member() -> None:
    parts = [member(b"a.%d" % n, bytes(4 << 20)) for n in range(8)]
    with pytest.raises(ShardError, match=r"members of more than 2.,...,... bytes"):
        read(gzip.compress(shard(parts), 1))


def test_a_pack_is_named_as_one() -> None:
    with pytest.raises(ShardError, match="looks like a pack"):
        read(shard([member(b"dataset.json", b"{}"), member(b"schema.json", b"{}")]))
