from __future__ import annotations

import io
from pathlib import Path
from typing import IO

import pytest

from atdata.errors import ShardError, StorageError
from atdata.shards.reader import read_file, read_stream
from shards.shard_bytes import member, samples, shard


def read(data: bytes) -> list[tuple[str, str, int, bytes]]:
    stream: IO[bytes] = io.BytesIO(data)
    return [(*place, bytes(payload)) for *place, payload in read_stream(stream, "s.tar")]  # type: ignore[misc]


def test_samples_come_with_shard_key_and_offset() -> None:
    assert read(samples(2)) == [
        ("s.tar", "000", 0, b"\x81\xa1a\0"),
        ("s.tar", "001", 1024, b"\x81\xa1a\1"),
    ]


def test_other_members_are_skipped_with_one_warning_for_each_extension() -> None:
    data = shard(
        [
            member(b"a.cls", b"1"),
            member(b"a.msgpack", b"x"),
            member(b"b.msgpack", b"y"),
            member(b"b.note.txt", b"1"),
            member(b"b.CLS", b"1"),
            member(b"c.cls", b"1"),
            member(b"c.msgpack", b"z"),
        ]
    )
    with pytest.warns(UserWarning, match="beside the samples are skipped") as caught:
        assert [key for _, key, *_ in read(data)] == ["a", "b", "c"]
    texts = [str(one.message).partition(" atdata")[0] for one in caught]
    assert [text.rpartition(": ")[2] for text in texts] == ["cls.", "note.txt."]


def test_a_shard_of_ever_other_members_gives_a_bounded_number_of_warnings() -> None:
    parts = [member(b"%03d.%s" % (n, e)) for n in range(200) for e in (b"msgpack", b"x%d" % n)]
    with pytest.warns(UserWarning, match="are skipped: x") as caught:
        assert len(read(shard(parts))) == 200
    assert len(caught) < 100


def test_members_after_the_last_sample_are_skipped_with_a_warning() -> None:
    with pytest.warns(UserWarning, match=r"are skipped: json, txt\."):
        read(shard([member(b"a.msgpack"), member(b"a.txt"), member(b"a.json")]))


def test_members_that_are_spread_apart_are_refused_with_advice() -> None:
    names = [b"a.msgpack", b"b.msgpack", b"a.txt"]
    with pytest.raises(ShardError, match="directly before or after its other members"):
        read(shard(map(member, names)))


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([member(b"a.msgpack"), member(b"b.jpg"), member(b"b.cls")], "'b' holds cls, jpg but no"),
        ([member(b"a.jpg"), member(b"b.jpg"), member(b"b.msgpack")], "'b' holds a msgpack, unlike"),
        ([member(b"a.jpg"), member(b"b.MsgPack")], "'b' holds a msgpack, unlike"),
        ([member(b"a.msgpack"), member(b"a.msgpack")], "there twice"),
    ],
)
def test_a_shard_of_two_layouts_or_a_sample_twice_is_refused(
    members: list[bytes], message: str
) -> None:
    with pytest.raises(ShardError, match=message) as caught:
        list(read_stream(io.BytesIO(shard(members)), "s.tar"))
    assert caught.value.member
    assert caught.value.offset is not None


@pytest.mark.parametrize("extension", [b"pkl", b"pyd", b"pth", b"pickle", b"PKL", b"weights.pt"])
def test_pickles_are_refused_unopened(extension: bytes) -> None:
    bomb = b"cos\nsystem\n(S'touch /tmp/pwned'\ntR."
    with pytest.raises(ShardError, match="pickle") as caught:
        read(shard([member(b"a.msgpack", b"x"), member(b"a." + extension, bomb)]))
    assert caught.value.member == f"a.{extension.decode()}"
    assert caught.value.offset == 1024


def test_a_file_is_read_as_its_stream_is(tmp_path: Path) -> None:
    path = tmp_path / "s.tar"
    path.write_bytes(samples(3))
    assert [(*p, bytes(b)) for *p, b in read_file(path, "s.tar")] == read(samples(3))


def test_payloads_outlive_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "s.tar"
    path.write_bytes(samples(3))
    kept = [payload for *_, payload in read_file(path, "s.tar")]
    path.unlink()
    assert [bytes(payload) for payload in kept] == [b"\x81\xa1a" + bytes([i]) for i in range(3)]


def test_a_missing_file_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file") as caught:
        list(read_file(tmp_path / "none.tar", "none.tar"))
    assert caught.value.shard == "none.tar"


def test_an_empty_file_is_a_shard_error(tmp_path: Path) -> None:
    path = tmp_path / "s.tar"
    path.touch()
    with pytest.raises(ShardError, match="empty"):
        list(read_file(path, "s.tar"))


def test_the_stream_is_closed_also_when_reading_stops_early() -> None:
    stream = io.BytesIO(samples(3))
    reading = read_stream(stream, "s.tar")
    next(reading)
    assert not stream.closed
    del reading
    assert stream.closed
