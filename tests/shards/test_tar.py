from __future__ import annotations

import io
import random
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atdata.errors import ShardError
from atdata.shards.tar import BLOCK, END, MAX_PAYLOAD, build_header, member_size, parse_header, walk
from atdata.shards.window import Window, open_stream
from shards.shard_bytes import checksummed, header, member, samples, shard


def read(data: bytes) -> list[tuple[str, str, int, bytes]]:
    return [(k, e, o, bytes(p)) for k, e, o, p in walk(open_stream(io.BytesIO(data), "s.tar"))]


def failure(data: bytes) -> ShardError:
    with pytest.raises(ShardError) as caught:
        read(data)
    assert caught.value.shard == "s.tar"
    assert caught.value.offset is not None
    return caught.value


def test_a_walk_gives_keys_extensions_offsets_and_payloads() -> None:
    data = shard([member(b"a.msgpack", b"12345"), member(b"b.txt", b""), member(b"b.json", b"{}")])
    assert read(data) == [
        ("a", "msgpack", 0, b"12345"),
        ("b", "txt", 1024, b""),
        ("b", "json", 1536, b"{}"),
    ]


def test_mapped_bytes_and_streams_of_small_pieces_are_walked_alike() -> None:
    data = samples(5)

    class Trickle(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 7))

    whole = [(k, o, bytes(p)) for k, _, o, p in walk(Window(data, "s"))]
    trickled = [(k, o, bytes(p)) for k, _, o, p in walk(open_stream(Trickle(data), "s"))]
    assert whole == trickled
    assert len(whole) == 5


@given(st.lists(st.binary(max_size=2000), max_size=8))
def test_what_is_written_is_what_tarfile_reads(payloads: list[bytes]) -> None:
    data = b"".join(
        build_header(f"d/{i:04d}", len(payload)) + payload + bytes(-len(payload) % BLOCK)
        for i, payload in enumerate(payloads)
    )
    assert len(data) == sum(member_size(len(payload)) for payload in payloads)
    with tarfile.open(fileobj=io.BytesIO(data + END), mode="r:") as archive:
        infos = archive.getmembers()
        found = [archive.extractfile(info).read() for info in infos]  # type: ignore[union-attr]
    assert found == payloads
    assert [info.name for info in infos] == [f"d/{i:04d}.msgpack" for i in range(len(payloads))]
    for info in infos:
        assert (info.mtime, info.uid, info.gid, info.mode) == (0, 0, 0, 0o644)
    assert [p for *_, p in read(data + END)] == payloads


@pytest.mark.parametrize(
    ("format_", "length"), [(tarfile.USTAR_FORMAT, 30), (tarfile.PAX_FORMAT, 15)]
)
def test_what_tarfile_writes_is_read(format_: int, length: int) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format_) as archive:
        for i in range(3):
            info = tarfile.TarInfo(f"{'long' * length}/{i:030d}.msgpack")
            info.size, info.mtime, info.uname = 700, 1234.5, "bigdata"
            archive.addfile(info, io.BytesIO(bytes([i]) * 700))
    assert [payload[:1] for *_, payload in read(buffer.getvalue())] == [b"\0", b"\1", b"\2"]


def test_an_archive_without_members_is_sound() -> None:
    assert read(END) == []
    assert read(END + bytes(9000)) == []


@pytest.mark.parametrize(
    ("data", "message", "offset"),
    [
        (b"", "empty", 0),
        (b"PAR1" * 200, "not a tar header", 0),
        (b"short", "no end of archive", 0),
        (samples()[:-1024], "no end of archive", 3072),
        (samples()[:-100], "no end of archive", 3072),
        (samples()[:-600], "no end of archive", 3072),
        (samples()[:1024] + samples()[2048 : 2048 + 100], "no end of archive", 1024),
        (samples()[: 1024 + 600], "ends inside a member: 4 bytes announced, 88 there", 1024),
        (samples()[: 1024 + 512], "ends inside a member: 4 bytes announced, 0 there", 1024),
        (samples() + samples(), "after the end", 4096),
        (samples()[:1024] + bytes(512) + samples()[1024:], "after the end", 1536),
        (samples() + bytes(5000) + b"x", "after the end", 9096),
        (samples() + bytes(2 << 20), "endless zeros", None),
        (samples()[:520] + b"x" + samples()[521:], "should be zero", 516),
    ],
)
def test_damage_raises_with_its_place(data: bytes, message: str, offset: int | None) -> None:
    error = failure(data)
    assert message in str(error)
    if offset is not None:
        assert error.offset == offset


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (header(kind=b"1"), "hard link"),
        (header(kind=b"2"), "symbolic link"),
        (header(kind=b"3"), "device"),
        (header(size=512, kind=b"5"), "directory with a payload"),
        (header(b"../up/", kind=b"5"), "relative path"),
        (header(b"/abs/", kind=b"5"), "relative path"),
        (checksummed(header(b"d/", kind=b"5"), {157: b"to"}), "names a link"),
        (header(kind=b"6"), "pipe"),
        (header(kind=b"g"), "pax record"),
        (header(b"BZh91AY&SY", kind=b"x"), "compressed"),
        (header(kind=b"K"), "long link name of GNU tar"),
        (header(kind=b"S"), "sparse"),
        (header(kind=b"9"), "unknown kind"),
        (checksummed(header(), {157: b"/etc/passwd"}), "names a link"),
        (checksummed(header(), {257: b"ustar  \0", 345: b"f"}), "not of the POSIX ustar format"),
        (checksummed(header(), {257: bytes(8)}), "not of the POSIX ustar format"),
        (checksummed(header(), {124: b"\x80" + b"\1".ljust(10, b"\0") + b"\x05"}), "not octal"),
        (checksummed(header(), {124: b"\xff" * 12}), "not octal"),
        (checksummed(header(), {124: b"\x80\0\0\0\0\0\0\1\0\0\0\0"}), "limit"),
        (checksummed(header(), {108: b"\x80\0\0\0\xff\xff\xff\xff"}), "not octal"),
        (checksummed(header(), {124: b"-0000000001\0"}), "not octal"),
        (checksummed(header(), {124: bytes(12)}), "not octal"),
        (header(size=0)[:148] + b"0000000\0" + header()[156:], "checksum"),
        (header(b"../up.msgpack"), "relative path"),
        (checksummed(header(), {345: b"../x"}), "relative path"),
        (checksummed(header(), {345: b"/abs"}), "relative path"),
        (header(b"a.msgpack\0.txt"), "control character"),
    ],
)
def test_headers_that_shards_do_not_have(block: bytes, message: str) -> None:
    error = failure(shard([member(b"ok.msgpack"), block]))
    assert message in str(error)
    assert error.offset == 512


def test_a_size_beyond_the_limit_is_refused_on_both_sides() -> None:
    block = checksummed(header(), {124: b"%011o\0" % (MAX_PAYLOAD + 1)})
    with pytest.raises(ShardError, match="limit"):
        parse_header(block)
    with pytest.raises(ShardError, match="limit"):
        build_header("0", MAX_PAYLOAD + 1)


def pax(*records: bytes) -> bytes:
    return member(b"././@PaxHeader", b"".join(records), kind=b"x")


def test_pax_records_of_times_are_passed_over() -> None:
    times = pax(b"20 mtime=1234567.25\n", b"11 atime=1\n")
    assert [key for key, *_ in read(shard([times, member(b"a.msgpack")]))] == ["a"]


@pytest.mark.parametrize(
    "records",
    [
        [],
        [b"15 path=../evil\n"],
        [b"11 mtime=1\n", b"15 path=../evil\n"],
        [b"99 mtime=1\n"],
        [b"11 mtime=1"],
        [b"11 mtime=x\n"],
        [b"17 GNU.sparse=1\n\n"],
        [b"11 mtime=1\n"] * 500,
    ],
)
def test_other_pax_records_are_refused(records: list[bytes]) -> None:
    assert "pax record" in str(failure(shard([pax(*records), member(b"a.msgpack")])))


def test_a_pax_record_belongs_to_a_member() -> None:
    times = pax(b"11 mtime=1\n")
    assert "after a pax record" in str(failure(shard([times])))
    assert "pax record" in str(failure(shard([times, times, member(b"a.msgpack")])))


def test_a_huge_announced_size_costs_no_memory() -> None:
    data = header(b"a.msgpack", MAX_PAYLOAD) + bytes(10)
    assert "ends inside a member" in str(failure(data))


@pytest.mark.parametrize("seed", range(400))
def test_random_damage_is_an_error_or_changes_payload_bytes_only(seed: int) -> None:
    """Without a digest, a flip inside a payload can't be distinguished from data: the codec or the
    digest of the manifest finds it. All else is found here."""
    rng = random.Random(seed)
    sound = samples(6)
    expected = [(key, offset, len(payload)) for key, _, offset, payload in read(sound)]
    data = bytearray(sound)
    kind = rng.choice(["flip", "cut", "splice", "insert", "zero"])
    at = rng.randrange(len(data) - len(END))
    if kind == "flip":
        data[at] ^= 1 << rng.randrange(8)
    elif kind == "cut":
        del data[at:]
    elif kind == "splice":
        del data[at : at + rng.randrange(1, 700)]
    elif kind == "insert":
        data[at:at] = rng.randbytes(rng.randrange(1, 700))
    else:
        data[at : at + 512] = bytes(512)
    try:
        found = read(bytes(data))
    except ShardError as error:
        place = error.offset
    else:
        assert [(key, offset, len(payload)) for key, _, offset, payload in found] == expected
        place = 0
    assert place is not None
