from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atdata.errors import ShardError
from atdata.shards.pax import Extended, read_global, read_long_name, read_pax
from shards.shard_bytes import record, records


def test_a_path_and_a_size_describe_the_next_member() -> None:
    assert read_pax(records("path=ä/b.msgpack", "size=12")) == Extended("ä/b.msgpack".encode(), 12)


@pytest.mark.parametrize(
    "text",
    [
        "mtime=1700000000.25",
        "atime=-1",
        "LIBARCHIVE.creationtime=1700000000",
        "uid=3000000000",
        "gid=0",
        "uname=jürgen",
        "gname=",
        "comment=made by git",
        "SCHILY.dev=66305",
        "SCHILY.fflags=nodump",
        "SCHILY.xattr.user.a=\x01\x02=",
        "SCHILY.acl.access=user::rw-",
        "LIBARCHIVE.xattr.user.a=AQI",
        "RHT.security.selinux=unconfined_u\0",
    ],
)
def test_harmless_records_are_ignored(text: str) -> None:
    assert read_pax(records(text)) == Extended()
    read_global(records(text))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"11 mtime=1",
        b"10 mtime=1\n",
        b"12 mtime=1\n",
        b"011 mtime=1\n",
        b"99999 mtime=1\n",
        b"mtime=1\n",
        records("mtime=1") + b"\0",
        records("mtime=x"),
        records("mtime=" + "9" * 13),
        records("mtime=1", "mtime=1"),
        records("path=a.b", "path=c.d"),
        records("linkpath=a"),
        records("size=-1"),
        records("size=0x1"),
        records("uid=4294967295"),
        records("uname=a\nb"),
        records("comment=\x9b31m"),
        b"11 gname=\xe9\n",
        "26 SCHILY.xattr.user.\u0456=1\n".encode(),
        records("hdrcharset=BINARY"),
        records("comment=19 hdrcharset=BINARY"),
        records("GNU.sparse.major=1"),
        records("SCHILY.realsize=5"),
        records("SCHILY.filetype=sparse"),
        records("SCHILY.xattr.a=1\n2"),
        records("VENDOR.unknown=1"),
    ],
)
def test_what_readers_could_understand_differently_is_refused(payload: bytes) -> None:
    with pytest.raises(ShardError, match="pax record") as caught:
        read_pax(payload)
    assert caught.value.code == "TAR_PAX"


@pytest.mark.parametrize("text", ["path=a.b", "size=1"])
def test_records_of_the_archive_name_no_member(text: str) -> None:
    with pytest.raises(ShardError, match="whole archive"):
        read_global(records(text))


def test_a_long_name_ends_with_a_zero_byte() -> None:
    assert read_long_name(b"name\0").name == b"name"
    assert read_long_name(b"name\0\0").name == b"name\0"  # which names may not hold


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=40), max_size=4))
def test_any_texts_are_refused_or_kept_whole(texts: list[str]) -> None:
    names = [text for text in texts if text]
    payload = b"".join(record(f"path={name}") for name in names)
    try:
        found = read_pax(payload)
    except ShardError:
        return
    assert found == Extended(names[0].encode())


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_read(payload: bytes) -> None:
    with suppress(ShardError):
        read_pax(payload)
