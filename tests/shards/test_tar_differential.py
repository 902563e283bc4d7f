"""What the walk accepts, the common readers of tar archives read alike: no sample less.

Each archive holds ten samples, one of which has an unusual header with a right checksum. The walk
refuses it, or gives the same members as tarfile, webdataset, GNU tar and (where it is installed)
bsdtar; none of these may complain either.
"""

from __future__ import annotations

import io
import random
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from webdataset.tariterators import group_by_keys, tar_file_expander

from atdata.errors import ShardError
from atdata.shards.reader import read_samples
from atdata.shards.tar import walk
from atdata.shards.window import Window
from shards.shard_bytes import checksummed, header, member, shard

Members = list[tuple[str, bytes]]
COUNT, ODD = 10, 5
# Offset and length of each field that a reader looks at.
FIELDS = {
    "name": (0, 100),
    "mode": (100, 8),
    "uid": (108, 8),
    "gid": (116, 8),
    "size": (124, 12),
    "mtime": (136, 12),
    "kind": (156, 1),
    "link": (157, 100),
    "magic": (257, 6),
    "version": (263, 2),
    "uname": (265, 32),
    "gname": (297, 32),
    "devmajor": (329, 8),
    "devminor": (337, 8),
    "prefix": (345, 155),
    "rest": (500, 12),
}
JUNK = [
    b"junk",
    b"0",
    b"0000005\0",
    b"     5 \0",
    b" ",
    b"\t5\0",
    b"5\x0b\0",
    b"-1\0",
    b"+5\0",
    b"0o5\0",
    b"0_5\0",
    b"8\0",
    b"5\x005\0",
    b"\0005",
    b"\x80\0\0\0\0\0\0\x05",
    b"\xff\xff\xff\xff\xff\xff\xff\xfb",
    b"\xff",
    b"\xe9\0",
    "é".encode(),
    b"a\nb\0",
    b"\x1b]0;x\x07",
    b"7" * 155,
    b"\0" * 155,
    b" " * 155,
    b"f" * 155,
]


def payload(number: int) -> bytes:
    return b"\x81\xa1a" + bytes([number])


def archive(odd: bytes) -> bytes:
    members = [member(b"%03d.msgpack" % i, payload(i)) for i in range(COUNT)]
    return shard([*members[:ODD], odd + members[ODD][512:], *members[ODD + 1 :]])


def odd(changes: dict[int, bytes]) -> bytes:
    return checksummed(header(b"%03d.msgpack" % ODD, len(payload(ODD))), changes)


def by_tarfile(path: Path) -> Members:
    found = []
    with path.open("rb") as file, tarfile.open(fileobj=file, mode="r|*") as tar:
        for one in tar:
            stream = tar.extractfile(one)
            assert stream is not None
            found.append((one.name, stream.read()))
    return found


def by_webdataset(path: Path) -> Members:
    with path.open("rb") as file:
        files = tar_file_expander([{"url": str(path), "stream": file}])
        samples = list(group_by_keys(files))
    return [(f"{sample['__key__']}.msgpack", sample["msgpack"]) for sample in samples]


# Names as they are, not escaped.
PROGRAMS = [["tar", "--quoting-style=literal"]]
if shutil.which("bsdtar"):
    PROGRAMS.append(["bsdtar"])


def by_program(program: list[str], path: Path) -> tuple[list[str], bytes]:
    """The names of all members, and their payloads joined."""

    def run(flag: str) -> bytes:
        done = subprocess.run([*program, flag, path], capture_output=True, check=True)
        assert not done.stderr
        return done.stdout

    return run("-tf").decode().splitlines(), run("-xOf")


def accepted(data: bytes) -> Members | None:
    """The members of an archive; None where it is refused."""
    try:
        list(read_samples(Window(data, "a.tar"), blocks=True))
        return [
            (f"{key}.{extension}", bytes(body))
            for key, extension, _, body in walk(Window(data, "a"))
        ]
    except ShardError:
        return None


def check(path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Compare all readers on an archive; whether it was accepted at all."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    path.write_bytes(data)
    expected = accepted(data)
    if expected is not None:
        assert len(expected) == COUNT
        assert by_tarfile(path) == expected
        assert by_webdataset(path) == expected
        joined = [name for name, _ in expected], b"".join(data for _, data in expected)
        for program in PROGRAMS:
            assert by_program(program, path) == joined
    return expected is not None


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_of_junk_is_refused_or_read_alike_by_all(
    tmp_path: Path, field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, length = FIELDS[field]
    for junk in JUNK:
        check(tmp_path / "a.tar", archive(odd({at: junk[:length]})), monkeypatch)
        check(
            tmp_path / "a.tar", archive(odd({at: junk[:length].ljust(length, b"\0")})), monkeypatch
        )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {100: b"000644 \0"},
        {100: b"   644 \0"},
        {329: bytes(16)},
        {329: b"0000000\x000000000\0"},
        {265: b"bigdata", 297: "données".encode()},
        {136: b"14726746000\0"},
        {156: b"\0"},
        {345: b"folder/of"},
    ],
)
def test_headers_of_honest_tools_are_accepted_and_read_alike_by_all(
    tmp_path: Path, changes: dict[int, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check(tmp_path / "a.tar", archive(odd(changes)), monkeypatch)


@pytest.mark.parametrize("shift", [65521, -65521, 1, -1])
def test_a_checksum_that_is_right_modulo_adler_only_is_refused(tmp_path: Path, shift: int) -> None:
    # Many high bytes, so that either sum could be in the field.
    block = bytearray(odd({345: ("é" * 77).encode(), 265: "é".encode() * 16}))
    total = int(block[148:154], 8)
    for changed, data in ((total, True), (total + shift, False)):
        block[148:156] = b"%06o\0 " % max(0, changed)
        assert (accepted(archive(bytes(block))) is not None) is data


def test_the_checksum_of_a_header_beyond_adlers_modulus_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = "ﾾ".encode()
    block = odd({0: wide * 30 + b".msgpack", 265: wide * 10, 297: wide * 10, 345: wide * 51})
    assert int(block[148:154], 8) > 65521
    assert check(tmp_path / "a.tar", archive(block), monkeypatch)


def pax(*records: str) -> bytes:
    body = b""
    for record in records:
        length = len(record) + 3
        while len(f"{length} {record}\n") != length:
            length += 1
        body += f"{length} {record}\n".encode()
    return member(b"././@PaxHeader", body, kind=b"x")


@pytest.mark.parametrize(
    ("record", "taken"),
    [
        ("mtime=1700000000.1234567", True),
        ("mtime=-1.5", True),
        ("atime=1", True),
        ("mtime=1.", None),
        ("mtime=" + "9" * 12, None),
        ("mtime=" + "9" * 20, None),
        ("mtime=" + "9" * 4000, False),
        ("mtime=0x10", False),
        ("size=4", False),
        ("path=evil", False),
    ],
)
def test_a_pax_record_is_refused_or_read_alike_by_all(
    tmp_path: Path, record: str, taken: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    was = check(tmp_path / "a.tar", archive(pax(record) + odd({})), monkeypatch)
    assert taken is None or was is taken


NAMES = [
    b"BZh91AY&SY.msgpack",
    b"BZh91AY&SYmore.msgpack",
    b"begin 644 a.msgpack",
    b"07070100000000.msgpack",
    b"PK\x03\x04.msgpack",
    b"!<arch>.msgpack",
    b"#mtree.msgpack",
    b"-x.msgpack",
    "\u202e.msgpack".encode(),
    b"a b.msgpack",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_first_name_that_looks_like_another_format_is_refused_or_read_alike(
    tmp_path: Path, name: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = member(name, payload(0))
    rest = [member(b"%03d.msgpack" % i, payload(i)) for i in range(1, COUNT)]
    check(tmp_path / "a.tar", shard([first, *rest]), monkeypatch)


@pytest.mark.parametrize("seed", range(60))
def test_random_headers_are_refused_or_read_alike_by_all(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    taken = 0
    while taken < 2:
        at, length = chance.choice(list(FIELDS.values()))
        data = bytes(chance.choices(b"01234567 \0\xffa", k=chance.randrange(1, length + 1)))
        taken += check(tmp_path / "a.tar", archive(odd({at: data})), monkeypatch)


EXTENSIONS = [
    "txt",
    "TXT",
    "msgpack",
    "MSGPACK",
    "Msgpack",
    "note.txt",
    "NOTE.txt",
    "a.b",
    "x.msgpack",
]


@pytest.mark.parametrize("second", EXTENSIONS)
@pytest.mark.parametrize("first", EXTENSIONS)
def test_fields_beside_a_sample_are_refused_or_read_alike(first: str, second: str) -> None:
    names = [f"a.{first}", f"a.{second}", "a.msgpack"]
    data = shard(member(name.encode(), payload(0)) for name in names)
    try:
        keys = [key for _, key, *_ in read_samples(Window(data, "a"))]
    except ShardError:
        assert first.lower() == second.lower() or "msgpack" in (first.lower(), second.lower())
    else:
        files = tar_file_expander([{"url": "a", "stream": io.BytesIO(data)}])
        assert [sample["__key__"] for sample in group_by_keys(files)] == keys == ["a"]
