from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atdata.errors import UrlError
from atdata.storage.ipfs.cids import DAG_PB, RAW, Cid
from atdata_records import cid as cids

HELLO = "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq"  # as Kubo and Helia say
DIGEST = hashlib.sha256(b"hello").digest()
BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def written(binary: bytes, alphabet: str) -> str:
    number, digits = int.from_bytes(binary, "big"), ""
    while number:
        number, digit = divmod(number, len(alphabet))
        digits = alphabet[digit] + digits
    return digits


def test_a_cid_holds_codec_and_digest() -> None:
    cid = Cid.parse(HELLO)
    assert (cid.codec, cid.digest, cid.version) == (RAW, DIGEST, 1)
    assert cid.matches(b"hello")
    assert not cid.matches(b"hallo")


@pytest.mark.parametrize(
    "text",
    [
        HELLO,
        "bafybeieezc2bcq3wszfmj2bwar4zr3q3lnalpezqefjmwlhooiqepo3ety",
        "QmYK4MV2ZQ8Q8vy5PbZsz9pgvHzDPULjEN68hxHw6mNFkH",
    ],
)
def test_cids_are_written_as_they_were(text: str) -> None:
    assert str(Cid.parse(text)) == text


@given(st.sampled_from([RAW, DAG_PB]), st.binary(min_size=32, max_size=32))
def test_every_base_says_the_same(codec: int, digest: bytes) -> None:
    cid = Cid(codec, digest)
    binary = bytes((1, codec, 0x12, 0x20)) + digest
    texts = [str(cid), str(cid).upper(), f"f{binary.hex()}", f"F{binary.hex().upper()}"]
    texts += ["k" + written(binary, BASE36), "z" + written(binary, BASE58)]
    assert {Cid.parse(text) for text in texts} == {cid}


@given(st.binary(min_size=32, max_size=32))
def test_those_of_shards_are_read(digest: bytes) -> None:
    assert Cid.parse(cids.from_digest(digest)) == Cid(RAW, digest)


@given(st.binary(min_size=32, max_size=32))
def test_version_0_is_base58_without_a_prefix(digest: bytes) -> None:
    text = written(b"\x12\x20" + digest, BASE58)
    assert Cid.parse(text) == Cid(DAG_PB, digest, 0)
    assert str(Cid(DAG_PB, digest, 0)) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "base is not known"),
        ("b", "version is not known"),
        ("example.com", "base is not known"),
        (HELLO[:-1], "left over|another than"),
        (HELLO[:-1] + "r", "left over"),
        (HELLO.replace("m", "1"), "not a digit"),
        (HELLO[:5].upper() + HELLO[5:], "base is not known"),
        ("b" + "a" * 500, "too long"),
        ("Qm" + "1" * 44, "version is not known"),
        ("bafkqaaa", "another than sha2-256"),
        (f"f01551320{'00' * 64}", "too long"),
        (f"f01551220{'00' * 31}", "another than sha2-256"),
        (f"f01711220{'00' * 32}", "neither raw nor dag-pb"),
        ("k51qzi5uqu5dlvj2baxnqndepeb86cbk3ng7n3i46uzyxzyqj2xjonzllnv0v8", "neither raw"),
    ],
)
def test_others_are_refused(text: str, why: str) -> None:
    with pytest.raises(UrlError, match=why) as caught:
        Cid.parse(text)
    assert "sha2-256" in (caught.value.hint or "")


@given(st.text(max_size=140))
def test_no_text_is_anything_but_a_cid_or_refused(text: str) -> None:
    try:
        cid = Cid.parse(text)
    except UrlError:
        return
    assert Cid.parse(str(cid)) == cid


@given(st.binary(max_size=40))
def test_no_bytes_are_anything_but_a_cid_or_refused(binary: bytes) -> None:
    try:
        cid = Cid.from_bytes(binary)
    except ValueError:
        return
    assert Cid.parse(str(cid)) == cid
