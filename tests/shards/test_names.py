from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atdata.errors import ShardError
from atdata.shards.names import sample_name, split_name


@pytest.mark.parametrize(
    ("raw", "key", "extension"),
    [
        (b"000000.msgpack", "000000", "msgpack"),
        (b"a-b_c.msgpack", "a-b_c", "msgpack"),
        (b"train/000.msgpack", "train/000", "msgpack"),
        (b"v1.2/000.msgpack", "v1.2/000", "msgpack"),
        (b"000.left.png", "000", "left.png"),
        ("größe.msgpack".encode(), "größe", "msgpack"),
        (b"with space.msgpack", "with space", "msgpack"),
        (b"./a.msgpack", "./a", "msgpack"),
        (b"./train/a.b.txt", "./train/a", "b.txt"),
        (b"__half.msgpack", "__half", "msgpack"),
    ],
)
def test_a_name_is_cut_at_the_first_dot_after_the_last_slash(
    raw: bytes, key: str, extension: str
) -> None:
    assert split_name(raw) == (key, extension)


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"", "plain relative path"),
        (b"/etc/passwd.msgpack", "plain relative path"),
        (b"../a.msgpack", "plain relative path"),
        (b"a/../b.msgpack", "plain relative path"),
        (b"././a.msgpack", "plain relative path"),
        (b"./../a.msgpack", "plain relative path"),
        (b"./.msgpack", "no key"),
        (b"./__dir__/a.msgpack", "reserved"),
        (b"a//b.msgpack", "plain relative path"),
        (b"a/", "plain relative path"),
        (b"a\0b.msgpack", "control character"),
        (b"a\nb.msgpack", "control character"),
        (b"a\\b.msgpack", "control character"),
        (b"__index__.msgpack", "reserved"),
        (b"__index__", "reserved"),
        (b"__dir__/a.msgpack", "reserved"),
        (b"a/__x__.msgpack", "reserved"),
        (b".msgpack", "no key"),
        (b"a/.hidden", "no key"),
        (b"README", "no extension"),
        (b"a.", "no extension"),
        (b"\xff.msgpack", "not UTF-8"),
    ],
)
def test_names_that_could_surprise_are_refused(raw: bytes, problem: str) -> None:
    with pytest.raises(ShardError, match=problem):
        split_name(raw)


@pytest.mark.parametrize(
    "key",
    ["", "./", ".", "..", "../x", "/x", "a.b", "a/", "a\0", "a\n", "__x__", "\\", "\ud800", "a//b"],
)
def test_a_key_that_would_not_be_read_back_is_not_written(key: str) -> None:
    with pytest.raises(ShardError):
        sample_name(key)


def test_a_long_key_is_cut_at_a_slash() -> None:
    folder, stem = "f" * 120, "k" * 92
    assert sample_name(f"{folder}/{stem}") == (f"{stem}.msgpack".encode(), folder.encode())


@pytest.mark.parametrize("key", ["k" * 93, "f" * 156 + "/k", "f/" + "k" * 93, "ß" * 47])
def test_a_key_too_long_for_a_header_is_refused(key: str) -> None:
    with pytest.raises(ShardError, match="too long"):
        sample_name(key)


@given(st.text(max_size=120))
def test_every_key_is_refused_or_survives(key: str) -> None:
    try:
        name, prefix = sample_name(key)
    except ShardError:
        return
    assert len(name) <= 100
    assert len(prefix) <= 155
    assert split_name(prefix + b"/" + name if prefix else name) == (key, "msgpack")
