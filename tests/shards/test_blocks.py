"""Stretches that are checked at once against the walk that looks at each header."""

from __future__ import annotations

import io
import random
import tarfile
from pathlib import Path

import pytest
import webdataset as wds
from hypothesis import given, settings
from hypothesis import strategies as st

from atdata.errors import ShardError
from atdata.samples import DictSample
from atdata.shards import ShardWriter
from atdata.shards.blocks import SampleBlock, find_block
from atdata.shards.tar import BLOCK, END, member_size, walk
from atdata.shards.window import Window, open_stream
from shards.shard_bytes import checksummed, extended, header, member, record, shard

Found = tuple[str, int, bytes]


def expand(key: str, offset: int, payload: memoryview | SampleBlock) -> list[Found]:
    if not isinstance(payload, SampleBlock):
        return [(key, offset, bytes(payload))]
    assert (payload.key(0), payload.offset) == (key, offset)
    assert payload.last_key == payload.key(payload.count - 1)
    assert payload.end == payload.starts[-1] - BLOCK + member_size(payload.sizes[-1])
    assert payload.first(1).last_key == key
    return [
        (payload.key(n), payload.offset_of(n), bytes(payload.payload(n)))
        for n in range(payload.count)
    ]


def read(window: Window, *, blocks: bool) -> tuple[list[Found], str | None]:
    """All samples, and the error that ended the walk."""
    found: list[Found] = []
    try:
        for key, _, offset, payload in walk(window, blocks=blocks):
            found += expand(key, offset, payload)
    except ShardError as error:
        return found, f"{error} {error.offset} {error.member} {error.code}"
    return found, None


def alike(data: bytes) -> tuple[list[Found], str | None]:
    """What is read, after a check that blocks change nothing, mapped or streamed."""
    plain = read(Window(data, "s"), blocks=False)
    assert read(Window(data, "s"), blocks=True) == plain
    assert read(open_stream(io.BytesIO(data), "s"), blocks=True) == plain
    return plain


def count_blocks(data: bytes) -> int:
    return sum(
        isinstance(payload, SampleBlock) for *_, payload in walk(Window(data, "s"), blocks=True)
    )


def even_blocks(data: bytes) -> list[bool]:
    """For each block, whether its samples are of equal size."""
    walked = walk(Window(data, "s"), blocks=True)
    found = [payload for *_, payload in walked if isinstance(payload, SampleBlock)]
    return [isinstance(payload.starts, range) for payload in found]


def equal_samples(count: int, size: int = 100, first: int = 0) -> list[bytes]:
    return [member(b"%06d.msgpack" % n, bytes([n % 251]) * size) for n in range(first, count)]


def cut_or_spliced(sound: bytes, chance: random.Random) -> bytes:
    data = bytearray(sound)
    at = chance.randrange(len(data))
    if chance.random() < 0.5:
        del data[at:]
    else:
        data[at : at + chance.randrange(2000)] = data[: chance.randrange(2000)]
    return bytes(data)


def test_samples_of_one_size_come_as_one_run() -> None:
    data = shard(equal_samples(100))
    assert count_blocks(data) == 1
    found, error = alike(data)
    assert error is None
    assert [key for key, *_ in found] == [f"{n:06d}" for n in range(100)]


@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 700)), min_size=1, max_size=6),
    st.sampled_from([b"%d.msgpack", b"%05d.msgpack", b"dir/a%03d.msgpack", b"\xc3\xa4%d.msgpack"]),
)
def test_runs_of_any_sizes_and_keys(stretches: list[tuple[int, int]], name: bytes) -> None:
    members, number = [], 0
    for count, size in stretches:
        for _ in range(count):
            members.append(member(name % number, random.Random(number).randbytes(size)))
            number += 1
    found, error = alike(shard(members))
    assert error is None
    assert len(found) == number


@settings(max_examples=500)
@given(st.randoms(use_true_random=False), st.integers(0, 600))
def test_damage_in_a_run_is_found_where_the_walk_finds_it(chance: random.Random, size: int) -> None:
    data = bytearray(shard(equal_samples(40, size)))
    for _ in range(chance.randint(1, 3)):
        # In a header, mostly: most bytes of a payload may be anything.
        start = chance.randrange(0, len(data), BLOCK)
        data[start + chance.choice([chance.randrange(BLOCK), chance.randrange(160)])] ^= (
            1 << chance.randrange(8)
        )
    alike(bytes(data))


@settings(max_examples=200)
@given(st.randoms(use_true_random=False))
def test_a_cut_or_splice_is_found_too(chance: random.Random) -> None:
    alike(cut_or_spliced(shard(equal_samples(40)), chance))


@pytest.mark.parametrize(
    "odd",
    [
        member(b"000020.cls", b"x" * 100),
        member(b"abc_ef.msgpack", b"x" * 100),
        member(b"000019.msgpack", b"x" * 100),  # twice in a row
        member(b"00002-.msgpack", b"x" * 100),
        member(b"../020.msgpack", b"x" * 100),
        member(b"000020.msgpacK", b"x" * 100),
        member(b"000020.msgpack", b"x" * 100, kind=b"2"),
        member(b"000020.msgpack", b"x" * 100)[:-1] + b"!",  # padding
        checksummed(header(b"000020.msgpack", 100), {100: b"0000755"}) + bytes(BLOCK),
        header(b"000020.msgpack", 100)[:-1] + b"!" + bytes(BLOCK),  # checksum
        END,
    ],
    ids=range(11),
)
def test_what_is_odd_ends_a_run(odd: bytes) -> None:
    members = equal_samples(40)
    data = shard([*members[:20], odd, *members[21:]])
    (first, *_) = (payload for *_, payload in walk_until_error(data))
    assert isinstance(first, SampleBlock)
    assert first.count == 20
    alike(data)


def walk_until_error(data: bytes) -> list[tuple[str, str, int, memoryview | SampleBlock]]:
    found: list[tuple[str, str, int, memoryview | SampleBlock]] = []
    walked = walk(Window(data, "s"), blocks=True)
    try:
        found.extend(walked)
    except ShardError:
        assert found
    return found


def timed(
    number: int, size: int = 100, time: str = "1700000000.1234567", suffix: str = "msgpack"
) -> bytes:
    """A sample with a pax header, as webdataset's TarWriter writes it."""
    block = header(b"%06d.%b" % (number, suffix.encode()), size)
    block = checksummed(block, {136: b"%011o" % int(float(time))})
    payload = bytes([number % 251]) * size
    return extended(f"mtime={time}") + block + payload + bytes(-size % BLOCK)


def test_samples_with_times_come_as_one_run() -> None:
    times = ["1700000000.5", "1700000001.1234567", "1699999999.0", "1700000001."]
    data = shard(timed(n, time=times[n % 4]) for n in range(100))
    assert count_blocks(data) == 1
    found, error = alike(data)
    assert error is None
    assert [key for key, *_ in found] == [f"{n:06d}" for n in range(100)]
    assert found[3][1] == 3 * (1024 + 1024) + 1024  # the offset of the header, not of the pax one


def test_what_tarwriter_writes_is_one_run(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with wds.writer.TarWriter(str(path)) as writer:
        for n in range(60):
            writer.write({"__key__": f"folder/{n:05d}", "msgpack": bytes([n]) * 300})
    data = path.read_bytes()
    found, error = alike(data)
    assert error is None
    assert [payload[0] for *_, payload in found] == list(range(60))
    assert count_blocks(data) == 1


def test_samples_as_they_give_themselves_to_tarwriter_come_as_one_block(tmp_path: Path) -> None:
    """Their keys are random, of digits and letters."""
    path = tmp_path / "a.tar"
    with wds.writer.TarWriter(str(path)) as writer:
        for n in range(60):
            writer.write(DictSample(number=bytes([n]) * 300).as_wds)
    data = path.read_bytes()
    found, error = alike(data)
    assert error is None
    assert len({key for key, *_ in found}) == 60
    assert count_blocks(data) == 1


@settings(max_examples=300)
@given(st.lists(st.text("Aa0_-./& \\", min_size=3, max_size=3), min_size=30, max_size=30))
def test_keys_of_any_characters_are_those_of_the_walk(keys: list[str]) -> None:
    alike(shard(member(f"{key}{key}x.msgpack".encode(), b"x") for key in keys))


def test_folders_that_are_called_as_samples_are_parts_of_keys() -> None:
    names = [f"{letter}.msgpack/0.msgpack" for letter in "abcdefghijklmnopqrst"]
    found, error = alike(shard(member(name.encode(), b"x") for name in names))
    assert error is None
    assert [f"{key}.msgpack" for key, *_ in found] == names


def test_keys_that_look_like_compressed_files_are_refused_among_others() -> None:
    names = [f"BZh{n}1AY&SY" for n in range(2, 30)] + ["BZh11AY&SY"]
    _, error = alike(shard(member(f"{name}.msgpack".encode(), b"x") for name in names))
    assert error is not None


@settings(max_examples=500)
@given(st.randoms(use_true_random=False), st.integers(0, 600))
def test_damage_in_a_run_with_times_is_found_too(chance: random.Random, size: int) -> None:
    data = bytearray(shard(timed(n, size) for n in range(40)))
    for _ in range(chance.randint(1, 3)):
        start = chance.randrange(0, len(data), BLOCK)
        data[start + chance.choice([chance.randrange(BLOCK), chance.randrange(160)])] ^= (
            1 << chance.randrange(8)
        )
    alike(bytes(data))


@settings(max_examples=500)
@given(st.randoms(use_true_random=False))
def test_a_changed_text_in_a_run_with_times_is_found_too(chance: random.Random) -> None:
    """A character of a record, or of a header whose checksum is right, is another."""
    data = bytearray(shard(timed(n) for n in range(40)))
    start = chance.randrange(40) * 2048 + chance.choice([0, 512, 1024])
    place, new = chance.randrange(160), bytes([chance.choice(b"0123456789. \n=x\0")])
    block = bytearray(data[start : start + BLOCK])
    if block[0] == ord("3"):
        block[place % 40] = new[0]
    else:
        block[:] = checksummed(bytes(block), {place: new})
    data[start : start + BLOCK] = block
    alike(bytes(data))


@pytest.mark.parametrize(
    "odd",
    [
        extended("atime=1700000000.1234567") + timed(20)[1024:],
        extended("mtime=1700000000.1234567", "atime=1") + timed(20)[1024:],
        extended("mtime=170000000.1234567") + timed(20)[1024:],
        extended("mtime=-1700000000.123456") + timed(20)[1024:],
        extended("mtime=1700000000") + timed(20)[1024:],
        extended("mtime=1700000000.12345678901") + timed(20)[1024:],
        extended("path=000020.msgpack") + timed(20)[1024:],
        extended("path=x.msgpack") + timed(20)[1024:],
        extended("mtime=1", kind=b"g") + timed(20)[1024:],
        checksummed(timed(20)[:512], {0: b"PaxHeader"}) + timed(20)[512:],
        timed(20, suffix="cls"),
        timed(20)[:1024] + checksummed(timed(20)[1024:1536], {136: b"9"}) + timed(20)[1536:],
        timed(20)[:540] + b"x" + timed(20)[541:],
        timed(20)[:900] + b"x" + timed(20)[901:],
        timed(20)[:1535] + b"x" + timed(20)[1536:],
        timed(20)[1024:],
        timed(20)[:1024] + timed(20),
        END,
    ],
    ids=range(18),
)
def test_what_is_odd_ends_a_run_with_times(odd: bytes) -> None:
    members = [timed(n) for n in range(40)]
    data = shard([*members[:20], odd, *members[21:]])
    (first, *_) = (payload for *_, payload in walk_until_error(data))
    assert isinstance(first, SampleBlock)
    assert first.count == 20
    alike(data)


def test_a_record_that_is_damaged_is_found_in_every_place() -> None:
    members = [timed(n) for n in range(10)]
    text = record("mtime=1700000000.1234567")
    for place in range(len(text) + 1):
        for new in b"0", b"9", b".", b"\n", b"\0", b"x":
            block = bytearray(text.ljust(512, b"\0"))
            block[place : place + 1] = new
            other = members[5][:512] + block + members[5][1024:]
            alike(shard([*members[:5], other, *members[6:]]))


def test_few_samples_are_no_run() -> None:
    assert count_blocks(shard(equal_samples(7))) == 0
    assert count_blocks(shard(equal_samples(8))) == 1


def test_a_run_is_bounded() -> None:
    counts = [
        payload.count
        for *_, payload in walk(Window(shard(equal_samples(5000, 10)), "s"), blocks=True)
        if isinstance(payload, SampleBlock)
    ]
    assert sum(counts) == 5000
    assert max(counts) < 5000


def test_shards_of_other_writers_are_read_alike(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for n in range(50):
            info = tarfile.TarInfo(f"{n:04d}.msgpack")
            info.size, info.mtime, info.uname = 64, 1_700_000_000, "lab"
            tar.addfile(info, io.BytesIO(bytes([n]) * 64))
    found, error = alike(path.read_bytes())
    assert (len(found), error) == (50, None)
    assert count_blocks(path.read_bytes()) == 1


def test_what_our_writer_writes_is_one_run(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "a.tar") as writer:
        for n in range(50):
            writer.write(f"{n:09d}", bytes(200))
    assert count_blocks((tmp_path / "a.tar").read_bytes()) == 1


def test_a_run_is_looked_for_from_any_header() -> None:
    data = shard(equal_samples(20))
    block = find_block(data, len(data), 4 * 1024, 10_000, 100)
    assert block is not None
    assert (block.count, block.key(0), block.offset) == (16, "000004", 10_000)
    assert find_block(data, len(data), 14 * 1024, 0, 100) is None


def ragged_samples(count: int, first: int = 0) -> list[bytes]:
    chance = random.Random(first)
    payloads = [chance.randbytes(chance.randrange(1200)) for _ in range(first, count)]
    return [member(b"%06d.msgpack" % n, payload) for n, payload in enumerate(payloads, first)]


def ragged_timed(count: int) -> list[bytes]:
    chance = random.Random(count)
    times = ["1700000000.5", "1700000001.1234567", "1700000001."]
    return [timed(n, chance.randrange(1200), chance.choice(times)) for n in range(count)]


@pytest.mark.parametrize("members", [ragged_samples(200), ragged_timed(200)], ids=["own", "timed"])
def test_samples_of_different_sizes_come_as_one_block(members: list[bytes]) -> None:
    data = shard(members)
    assert even_blocks(data) == [False]
    found, error = alike(data)
    assert error is None
    assert [key for key, *_ in found] == [f"{n:06d}" for n in range(200)]


def test_samples_of_few_sizes_come_as_one_block() -> None:
    """Not as many short ones of equal size."""
    members = [member(b"%06d.msgpack" % n, bytes(100 + (n % 30 == 9))) for n in range(300)]
    assert even_blocks(shard(members)) == [False]
    alike(shard(members))


@pytest.mark.parametrize("members", [ragged_samples(12), ragged_timed(12)], ids=["own", "timed"])
def test_every_byte_around_samples_of_different_sizes_is_checked(members: list[bytes]) -> None:
    """A change of any byte of a header, record or padding is found as the walk finds it."""
    data = shard(members)
    start = sum(map(len, members[:9]))
    assert even_blocks(data) == [False]
    for at in range(start, start + len(members[9])):
        for new in b"7", b"\0":
            changed = bytearray(data)
            changed[at : at + 1] = new
            alike(bytes(changed))


@settings(max_examples=500)
@given(st.randoms(use_true_random=False), st.booleans())
def test_a_changed_field_among_different_sizes_is_found(
    chance: random.Random, is_timed: bool
) -> None:
    """Headers whose checksums are right, with other characters in some place."""
    members = ragged_timed(30) if is_timed else ragged_samples(30)
    number, at = chance.randrange(30), 1024 if is_timed else 0
    block = members[number][at : at + BLOCK]
    text = bytes(chance.choices(b"01234567 _-+o\0", k=chance.randint(1, 3)))
    place = chance.choice([chance.randrange(BLOCK - 3), chance.randrange(100, 148)])
    changed = checksummed(block, {place: text})
    members[number] = members[number][:at] + changed + members[number][at + BLOCK :]
    alike(shard(members))


@settings(max_examples=200)
@given(st.randoms(use_true_random=False), st.booleans())
def test_a_cut_or_splice_among_different_sizes_is_found(
    chance: random.Random, is_timed: bool
) -> None:
    members = ragged_timed(40) if is_timed else ragged_samples(40)
    alike(cut_or_spliced(shard(members), chance))


def test_a_size_of_twelve_digits_is_read_by_the_walk() -> None:
    """Its last digit is where other headers have the end of the field."""
    members = [
        checksummed(header(b"%06d.msgpack" % n), {124: b"%012o" % (8 * n)}) + payload
        for n in range(12)
        for payload in [bytes([n]) * 8 * n + bytes(-8 * n % BLOCK)]
    ]
    found, error = alike(shard(members))
    assert error is None
    assert [len(payload) for *_, payload in found] == [8 * n for n in range(12)]


@pytest.mark.parametrize("is_timed", [False, True])
@pytest.mark.parametrize("size", [5000, 5120])
def test_every_byte_around_long_samples_is_checked(size: int, is_timed: bool) -> None:
    """Of equal and of different sizes; those are neither compared whole nor looked for."""
    make = timed if is_timed else lambda n, size: member(b"%06d.msgpack" % n, bytes([n]) * size)
    for sizes in ([size] * 9, [size + 3 * n for n in range(9)]):
        members = [make(n, size) for n, size in enumerate(sizes)]
        data, start = shard(members), sum(map(len, members[:5]))
        assert even_blocks(data) == [len(set(sizes)) == 1]
        length = len(members[5])
        head = length - sizes[5] - -sizes[5] % BLOCK
        around = [*range(0, head, 2), *range(head + sizes[5], length)]
        for at in around:
            changed = bytearray(data)
            changed[start + at] ^= 7
            alike(bytes(changed))


@pytest.mark.parametrize("is_timed", [False, True])
def test_payloads_that_look_like_headers_are_payloads(is_timed: bool) -> None:
    make = timed if is_timed else lambda n, size: member(b"%06d.msgpack" % n, bytes([n]) * size)
    members = [make(n, 100 + 37 * n) for n in range(40)]
    inner = b"".join(make(n, 900) for n in range(3))
    for n in (3, 17, 25):
        head = len(members[n]) - 512 * -(-(100 + 37 * n) // 512)
        block = checksummed(members[n][head - 512 : head], {124: b"%011o" % len(inner)})
        members[n] = members[n][: head - 512] + block + inner
    found, error = alike(shard(members))
    assert error is None
    assert [key for key, *_ in found] == [f"{n:06d}" for n in range(40)]
    assert found[17][2] == inner
