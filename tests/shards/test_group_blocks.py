"""Groups that are checked together are those that are checked one by one."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import webdataset as wds
from hypothesis import given
from hypothesis import strategies as st

from atdata.errors import ShardError
from atdata.shards import group_blocks, groups
from atdata.shards.member_group import MemberGroup
from atdata.shards.reader import read_file, read_stream
from shards.shard_bytes import BLOCK, END, checksummed, extended, member, shard

Found = tuple[list[Any], str]


def by_tarwriter(count: int, width: int = 3, key: str = "{:06d}") -> bytes:
    """Groups of ``width`` members of different sizes, with a pax header before each."""
    chance, stream = random.Random(count), io.BytesIO()
    with wds.writer.TarWriter(stream) as writer:
        for n in range(count):
            parts = {f"{m}.bin": chance.randbytes(chance.randrange(1200)) for m in range(width)}
            writer.write({"__key__": key.format(n), **parts})
    return stream.getvalue()


def plain(count: int, key: str = "{:06d}") -> bytes:
    names = (key.format(n) for n in range(count))
    return shard(
        member(f"{name}.{extension}".encode(), b"x" * (n * 37 % 900))
        for n, name in enumerate(names)
        for extension in ("cls", "jpg", "json")
    )


def found(data: bytes) -> Found:
    """What reading yields, and how it ends."""
    seen: list[Any] = []
    try:
        for _, key, offset, group in read_stream(io.BytesIO(data), "s.tar"):
            assert isinstance(group, MemberGroup)
            seen.append((key, offset, list(group.offsets), group.end, dict(group)))
            assert [one[1].lower() for one in group.members] == list(group)
    except ShardError as error:
        return seen, f"{error.code} {error.member} {error.offset} {error.message}"
    return seen, ""


def one_by_one(data: bytes) -> Found:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "find_groups", lambda *_: None)
        return found(data)


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of groups in the blocks that are found from here on."""
    sizes: list[int] = []
    real = group_blocks.find_groups

    def find(*arguments: Any) -> Any:
        block = real(*arguments)
        if block is not None:
            sizes.append(len(block.starts) // len(block.form))
        return block

    monkeypatch.setattr(groups, "find_groups", find)
    return sizes


@pytest.mark.parametrize(
    "data",
    [
        by_tarwriter(300),
        by_tarwriter(300, width=1),
        by_tarwriter(300, key="train/{:06d}"),
        by_tarwriter(300, key="a.b/{:06d}"),
        plain(300),
        plain(300, key="{:06x}"),
    ],
    ids=["TarWriter", "one member", "folder", "folder with a dot", "plain", "letters"],
)
def test_groups_of_one_form_are_found_together(data: bytes, together: list[int]) -> None:
    everything, end = found(data)
    assert sum(together) > 250
    assert (everything, end) == one_by_one(data)
    assert len(everything) == 300


def test_a_mapped_file_gives_the_same(tmp_path: Path, together: list[int]) -> None:
    data = by_tarwriter(3000)
    path = tmp_path / "s.tar"
    path.write_bytes(data)
    read = [(key, at, dict(group)) for _, key, at, group in read_file(path, "s") if group]  # type: ignore[call-overload]
    assert sum(together) > 2900
    assert read == [(key, at, group) for key, at, _, _, group in one_by_one(data)[0]]


def changed(count: int, number: int, change: Callable[[bytes], bytes]) -> bytes:
    """Plain groups, the bytes of one of them changed."""
    data = plain(count)
    start = data.index(b"%06d.cls" % number)
    stop = data.index(b"%06d.cls" % (number + 1))
    return data[:start] + change(data[start:stop]) + data[stop:]


def renamed(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """Rename a member; its checksum is right again."""

    def change(group: bytes) -> bytes:
        at = group.index(old)
        head = checksummed(group[at : at + BLOCK], {0: new.ljust(100, b"\0")})
        return group[:at] + head + group[at + BLOCK :]

    return change


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "another key in the middle": renamed(b"000150.jpg", b"000151.jpg"),
    "the key before": renamed(b"000150.cls", b"000149.cls"),
    "a key that was there": renamed(b"000150.cls", b"000001.cls"),
    "another extension": renamed(b"000150.json", b"000150.text"),
    "an extension twice": renamed(b"000150.json", b"000150.JPG"),
    "a packed sample": renamed(b"000150.json", b"000150.msgpack"),
    "a longer key": renamed(b"000150.jpg", b"0001500.jpg"),
    "a pickle": renamed(b"000150.json", b"000150.pyd"),
    "a reserved name": renamed(b"000150.json", b"__0150__.json"),
    "one member more": lambda group: group + member(b"000150.more", b"m"),
    "one member less": lambda group: group[: group.index(b"000150.json")],
    "a folder between": lambda group: member(b"folder/", kind=b"5") + group,
    "a time before": lambda group: extended("mtime=1.5") + group,
    "a name before": lambda group: extended("path=other.cls") + group,
    "a link": lambda group: checksummed(group[:BLOCK], {156: b"2"}) + group[BLOCK:],
    "a wrong checksum": lambda group: group[:148] + b"0" + group[149:],
    "bytes in the padding": lambda group: group[:-1] + b"x",
    "a size that is not octal": lambda group: group[:124] + b"9" + group[125:],
    "a negative size": lambda group: (
        checksummed(group[:BLOCK], {124: b"-0000000001"}) + group[BLOCK:]
    ),
    "a time that is not octal": lambda group: (
        checksummed(group[:BLOCK], {136: b"9"}) + group[BLOCK:]
    ),
    "the end": lambda group: END,
    "nothing": lambda group: b"",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_group_that_differs_is_read_as_alone(
    change: Callable[[bytes], bytes], together: list[int]
) -> None:
    data = changed(300, 150, change)
    assert found(data) == one_by_one(data)
    assert sum(together) > 100


def test_the_last_group_of_a_block_may_have_more_members(together: list[int]) -> None:
    data = plain(40)[: -len(END)] + member(b"000039.txt", b"t") + END
    everything, end = found(data)
    assert (everything, end) == one_by_one(data)
    assert list(everything[-1][4]) == ["cls", "jpg", "json", "txt"]
    assert together


@pytest.mark.parametrize("lead", [b"g", b"L", b"x"])
def test_headers_before_members_are_only_passed_over_if_they_are_times(lead: bytes) -> None:
    """A long name of GNU tar, or a record for the whole archive, may look like a time."""
    names = [b"28 mtime=1.%05d" % n for n in range(60)]
    data = shard(
        part
        for name in names
        for part in (
            member(b"././@PaxHeader", b"%b.txt\n" % name, kind=lead),
            member(b"%b.txt" % name.replace(b" ", b"_"), b"x"),
        )
    )
    assert found(data) == one_by_one(data)


@given(st.data())
def test_any_changed_bytes_are_read_as_alone(data: st.DataObject) -> None:
    bytes_ = bytearray(data.draw(st.sampled_from([by_tarwriter(60, 2), plain(60)])))
    for _ in range(data.draw(st.integers(1, 4))):
        block = data.draw(st.integers(0, len(bytes_) // BLOCK - 1))
        place = data.draw(st.integers(0, BLOCK - 1))
        bytes_[block * BLOCK + place] = data.draw(st.sampled_from([0, 32, 48, 49, 55, 57, 97, 255]))
        if data.draw(st.booleans()):
            start = block * BLOCK
            bytes_[start : start + BLOCK] = checksummed(bytes(bytes_[start : start + BLOCK]), {})
    changed_bytes = bytes(bytes_)
    assert found(changed_bytes) == one_by_one(changed_bytes)


def test_groups_of_all_forms_cost_no_second_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    tries = 0
    real = group_blocks.find_groups

    def find(*arguments: Any) -> Any:
        nonlocal tries
        tries += 1
        return real(*arguments)

    monkeypatch.setattr(groups, "find_groups", find)
    names: Iterable[bytes] = (
        b"%s.%d" % (chr(97 + n % 26).encode() * (n + 1), n) for n in range(90)
    )
    names = [name for name in names if len(name) < 100]
    assert len(found(shard(map(member, names)))[0]) == len(names)
    assert tries < 10
