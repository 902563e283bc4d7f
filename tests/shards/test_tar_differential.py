"""What the walk accepts, the common readers of tar archives read alike: no sample less.

Each archive holds ten samples, some of which have unusual headers with right checksums. The walk
refuses it, or gives the same members as tarfile, webdataset, GNU tar and bsdtar; none of these may
complain either. GNU tar may only mention records of other vendors, which
it ignores, and a single zero block at the end.
"""

from __future__ import annotations

import io
import random
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from webdataset.tariterators import group_by_keys, tar_file_expander

from atdata.errors import ShardError
from atdata.shards.reader import read_samples
from atdata.shards.tar import walk
from atdata.shards.window import Window
from shards.shard_bytes import checksummed, extended, header, member, shard

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
            if one.isdir():
                continue
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
SILENT = ["--warning=no-unknown-keyword", "--warning=no-alone-zero-block"]
PROGRAMS = [["tar", "--quoting-style=literal", *SILENT], ["bsdtar"]]


def by_program(program: list[str], path: Path) -> tuple[list[str], bytes]:
    """The names of all files, and their payloads joined."""

    def run(flag: str) -> bytes:
        done = subprocess.run([*program, flag, path], capture_output=True, check=True)
        assert not done.stderr
        return done.stdout

    names = run("-tf").decode().splitlines()
    return [name for name in names if not name.endswith("/")], run("-xOf")


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


def check(
    path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch, count: int | None = COUNT
) -> bool:
    """Compare all readers on an archive; whether it was accepted at all."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    path.write_bytes(data)
    expected = accepted(data)
    if expected is not None:
        assert count in (None, len(expected))
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
        ("size=4", True),
        ("size=5", False),
        ("path=folder/5.msgpack", True),
        ("path=größe.msgpack", True),
        ("path=" + "long/" * 40 + "5.msgpack", True),
        ("path=../5.msgpack", False),
        ("path=/5.msgpack", False),
        ("path=", False),
        ("linkpath=a", False),
        ("uid=3999999999", True),
        ("gid=3999999999", True),
        ("uid=4294967296", False),
        ("uname=jürgen", True),
        ("comment=a", True),
        ("SCHILY.dev=66305", True),
        ("SCHILY.ino=1234", True),
        ("SCHILY.nlink=2", True),
        ("SCHILY.fflags=nodump", True),
        ("SCHILY.xattr.user.a=1", True),
        ("SCHILY.dev=x", None),
        ("SCHILY.ino=", None),
        ("SCHILY.fflags=a b", None),
        ("SCHILY.acl.access=user::rw-,group::r--,other::r--", True),
        ("SCHILY.acl.access=junk", None),
        ("SCHILY.acl.ace=everyone@:r-----a-R-c--s:-------:allow", None),
        ("SCHILY.xattr.user.a=\x01", True),
        ("LIBARCHIVE.xattr.user.a=*", None),
        ("LIBARCHIVE.xattr.user.%zz=AQI", None),
        ("RHT.security.selinux=\x01", True),
        ("SCHILY.realsize=5", False),
        ("LIBARCHIVE.creationtime=1700000000.5", True),
        ("LIBARCHIVE.xattr.user.a=AQI", True),
        ("RHT.security.selinux=unconfined_u", True),
        ("hdrcharset=BINARY", False),
        ("GNU.sparse.realsize=1", False),
    ],
)
def test_a_pax_record_is_refused_or_read_alike_by_all(
    tmp_path: Path, record: str, taken: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    was = check(tmp_path / "a.tar", archive(extended(record) + odd({})), monkeypatch)
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


GNU = {257: b"ustar  \0"}


def long_name(name: bytes) -> bytes:
    block = member(b"././@LongLink", name + b"\0", kind=b"L")
    return checksummed(block[:512], GNU) + block[512:]


FOLDERS = ["", "./", "a/", "./b.c/d/", "long" * 20 + "/", "f/" * 60]

RECORDS = [
    "mtime=1700000000.25",
    "atime=1700000000",
    "uid=3000000000",
    "gname=données",
    "comment=a",
    "SCHILY.ino=12",
    "LIBARCHIVE.xattr.user.a=AQI",
]
BETWEEN = [
    b"",
    member(b"./", kind=b"5"),
    member(b"a/b/", kind=b"5"),
    extended("path=" + "deep/" * 50) + member(b"deep/", kind=b"5"),
    extended("comment=abcdef", kind=b"g"),
    extended("mtime=1", "SCHILY.dev=5", kind=b"g"),
]
NUMBERS = [
    {},
    {108: b"\x80\0\0\0\x12\x34\x56\x78"},
    {116: b"\x80\0\0\0\xff\xff\xff\xfe"},
    {124: b"\x80".ljust(11, b"\0") + b"\4"},
    {136: b"\x80".ljust(11, b"\0") + b"\1"},
    {136: b"\xff" * 12},
]


@st.composite
def sound_members(draw: st.DrawFn, number: int) -> bytes:
    """A sample as one of the writers of tars lays it out."""
    stem = draw(st.text("abc01é文 -_", max_size=12)) + draw(st.sampled_from(["", "x" * 90]))
    name = f"{draw(st.sampled_from(FOLDERS))}{number}-{stem}.msgpack"
    raw, data = name.encode(), payload(number)
    between = draw(st.sampled_from(BETWEEN))
    changes = draw(st.sampled_from(NUMBERS))
    body = data.ljust(512, b"\0")
    form = draw(st.sampled_from(["pax", "gnu"] if len(raw) > 100 else ["plain", "pax", "gnu"]))
    block = checksummed(header(raw[:100], len(data)), changes)
    if form == "gnu":
        lead = long_name(raw) if len(raw) > 100 else b""
        return between + lead + checksummed(block, GNU) + body
    texts = draw(st.lists(st.sampled_from(RECORDS), unique=True, min_size=1))
    if len(raw) > 100 or draw(st.booleans()):
        texts.append(f"path={name}")
    if draw(st.booleans()):
        texts.append(f"size={len(data)}")
    lead = extended(*texts) if form == "pax" else b""
    return between + lead + block + body


@st.composite
def sound_archives(draw: st.DrawFn) -> bytes:
    members = [draw(sound_members(number)) for number in range(COUNT)]
    return shard(members, end=bytes(draw(st.sampled_from([512, 1024, 10240]))))


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(data=sound_archives())
def test_the_dialect_is_accepted_and_read_alike_by_all(
    tmp_path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check(tmp_path / "a.tar", data, monkeypatch)


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(data=sound_archives(), seed=st.integers(0, 2**32))
def test_a_changed_block_of_the_dialect_is_refused_or_read_alike_by_all(
    tmp_path: Path, data: bytes, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A field of a header, or a byte of a record or long name, is another."""
    chance, changed = random.Random(seed), bytearray(data)
    at = chance.randrange(0, len(data) - 1024, 512)
    block = bytes(changed[at : at + 512])
    if block[257:262] == b"ustar":
        field, length = chance.choice(list(FIELDS.values()))
        junk = chance.choice([*JUNK, b"L", b"x", b"g", b"5", b"0", b"ustar\x0000", *GNU.values()])
        changed[at : at + 512] = checksummed(block, {field: junk[:length]})
    else:
        end = len(block.rstrip(b"\0")) or 1
        place = at + chance.randrange(end)
        changed[place] = chance.choice(b"0123456789=\n /.abx\0\xff")
    check(tmp_path / "a.tar", bytes(changed), monkeypatch, None)


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


@pytest.mark.filterwarnings("ignore:members beside the samples are skipped")
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
