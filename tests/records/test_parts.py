"""CIDs, DAG-CBOR, graphemes, paths: the parts that records are made of."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atdata_records import Issue, Link, cid, dag_cbor
from atdata_records.errors import shown
from atdata_records.graphemes import count_graphemes

KNOWN = {"a": 1, "b": [1, 2, {"c": None}]}
KNOWN_CID = "bafyreihv4dhy3jrmehoeacz7mr6magg6l3coephqdauiayxbxhbcknq7am"


def test_known_cids() -> None:
    assert cid.of_cbor(dag_cbor.encode(KNOWN)) == KNOWN_CID
    assert cid.of_bytes(b"") == "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
    assert cid.codec(KNOWN_CID) == cid.DAG_CBOR


@given(st.binary(min_size=32, max_size=32), st.sampled_from((cid.RAW, cid.DAG_CBOR)))
def test_cids_hold_their_digest(digest: bytes, codec: int) -> None:
    text = cid.from_digest(digest, codec)
    assert cid.is_cid(text)
    assert cid.digest(text) == digest
    assert cid.codec(text) == codec
    assert cid.from_bytes(cid.to_bytes(text)) == text
    assert bytes(Link(text)) == cid.to_bytes(text)


@pytest.mark.parametrize(
    "text",
    ["", "b", KNOWN_CID.upper(), KNOWN_CID + "a", KNOWN_CID[:-1] + "n", "Qm" + "a" * 44, "z" * 59],
)
def test_what_is_no_cid(text: str) -> None:
    assert not cid.is_cid(text)
    with pytest.raises(ValueError, match="CIDv1"):
        cid.digest(text)


def test_digests_and_codecs_are_checked() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        cid.from_digest(b"short")
    with pytest.raises(ValueError, match="codec"):
        cid.from_digest(bytes(32), 0x70)
    with pytest.raises(ValueError, match="binary"):
        cid.from_bytes(b"\x12\x20" + bytes(32))


_PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text()
    | st.binary()
    | st.binary(min_size=32, max_size=32).map(lambda d: Link(cid.from_digest(d))),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(_PLAIN)
def test_cbor_round_trip(value: Any) -> None:
    assert dag_cbor.decode(dag_cbor.encode(value)) == value


@pytest.mark.parametrize(
    "value",
    [0.5, 2**63, -(2**63) - 1, {1: 2}, "\ud800", object(), Link("x"), {"a": {2}}],
    ids=range(8),
)
def test_what_has_no_encoding(value: Any) -> None:
    with pytest.raises(dag_cbor.CborError):
        dag_cbor.encode([value])


def test_cycles_have_no_encoding() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(dag_cbor.CborError, match="deeper"):
        dag_cbor.encode(cycle)


@pytest.mark.parametrize(
    "data",
    [
        "",
        "1801",
        "190001",
        "f7",
        "fb3ff8000000000000",
        "1bffffffffffffffff",
        "9f00ff",
        "a2616101616102",
        "a2616201616102",
        "a10000",
        "0000",
        "6161ff",
        "62ffff",
        "c100",
        "d82a450001551220",
        "9b0000000100000000",
    ],
)
def test_what_is_not_canonical(data: str) -> None:
    with pytest.raises(dag_cbor.CborError):
        dag_cbor.decode(bytes.fromhex(data))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("abc", 3),
        ("\r\n", 1),
        ("\n\r", 2),
        ("e\u0301", 1),
        ("\u0301", 1),
        ("🇩🇪🇫🇷🇯", 3),
        ("👩‍👩‍👧‍👧👍🏽", 2),
        ("👩\u200d\u200d👩", 2),
        ("각\u1100\u1161\u11a8", 2),
        ("क्षि", 1),
        ("क\u200cष", 2),
        ("\u0600a", 1),
        ("a\u0903", 1),
        ("\u200d👩", 2),
    ],
)
def test_graphemes(text: str, count: int) -> None:
    assert count_graphemes(text) == count


def test_paths() -> None:
    assert Issue((), "type", "x").path == "$"
    assert Issue(("a", 0, "b c", "é"), "type", "x").path == "$.a[0]['b c'].é"
    assert str(Issue(("a",), "type", "what")) == "$.a: what [type]"


def test_values_in_messages_are_short() -> None:
    values = ("x" * 1_000, b"x" * 1_000, 10**5_000, -(10**5_000), "\n\ud800", {}, [], None, 1e300)
    for value in values:
        text = shown(value)
        assert len(text) < 80
        assert "\n" not in text
        text.encode()
