from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atdata._protocols import IndexEntry
from atdata.errors import EntryError, RecordError
from atdata.local.entry import LocalDatasetEntry, check_name, name_of
from atdata.shards.info import ShardInfo
from atdata_records import cid
from atdata_records.ac.foundation.dataset.local_entry import LocalEntry

REF = "atdata://local/sampleSchema/A@1.0.0"
SCHEMA_CID = cid.of_cbor(b"schema")
SHARDS = (ShardInfo(cid.of_bytes(b"one"), 3, 1), ShardInfo(cid.of_bytes(b"two"), 3, 2))

names = st.text(min_size=1, max_size=40).filter(
    lambda name: (
        name.isprintable()
        and name == name.strip()
        and "\\" not in name
        and not {"", ".", ".."} & set(name.split("/"))
    )
)


def known_entry() -> LocalDatasetEntry:
    return LocalDatasetEntry(
        "digits", REF, ["/data/{a,b}.tar"], {"lr": 0.5}, schema_cid=SCHEMA_CID, shards=SHARDS
    )


def test_it_is_an_index_entry() -> None:
    assert isinstance(known_entry(), IndexEntry)


def test_without_shards_the_cid_is_that_of_reference_and_urls() -> None:
    entry = LocalDatasetEntry("any name", REF, ["s3://b/k.tar"])
    assert entry.content_cid is None
    # The vector that existing users know.
    assert entry.cid == "bafyreid22pon5vu2cu5gtrgy6b4yl7hj3v3kwqtsu4ojlkbqhv5apwvegm"


def test_with_shards_the_cid_is_that_of_the_content() -> None:
    entry = known_entry()
    moved = LocalDatasetEntry(
        "other", "at://did:plc:abc/c/r", ["s3://b/k"], schema_cid=SCHEMA_CID, shards=SHARDS
    )
    assert entry.cid == entry.content_cid == moved.cid


def test_names_of_earlier_code() -> None:
    entry = known_entry()
    assert entry.wds_url == "/data/{a,b}.tar"
    assert entry.sample_kind == REF
    assert LocalDatasetEntry("n", REF, []).wds_url == ""


@given(
    names,
    st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=3),
    st.none() | st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5)),
    st.booleans(),
)
def test_text_comes_back_as_it_was(
    name: str, urls: list[str], metadata: dict[str, object] | None, known: bool
) -> None:
    entry = LocalDatasetEntry(
        name,
        REF,
        urls,
        metadata,
        schema_cid=SCHEMA_CID if known else None,
        shards=SHARDS if known else None,
    )
    assert LocalDatasetEntry.from_text(name, entry.to_text()) == entry
    assert name_of(entry.uri) == name


def test_the_text_is_that_of_the_lexicon() -> None:
    record = LocalEntry.from_json(known_entry().to_text())
    assert record.content_cid == known_entry().content_cid
    assert json.loads(record.metadata or "") == {"lr": 0.5}


def test_more_shards_than_a_record_could_hold() -> None:
    shards = SHARDS * 20_000
    urls = [f"s3://bucket/some/prefix/{number:06d}.tar" for number in range(40_000)]
    entry = LocalDatasetEntry("n", REF, urls, schema_cid=SCHEMA_CID, shards=shards)
    assert len(entry.to_text()) > 2**21
    assert LocalDatasetEntry.from_text("n", entry.to_text()) == entry


@pytest.mark.parametrize(
    "name",
    ["", " ", " a", "a\n", "../x", "a/../b", "a//b", "/a", "a/", ".", "..", "a\\b", "a\0b", "\x7f"],
)
def test_names_that_could_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(EntryError):
        check_name(name)
    with pytest.raises(EntryError):
        LocalDatasetEntry(name, REF, ["/a.tar"]).to_record()


@pytest.mark.parametrize(
    "name", ["a", "mnist-2024", "team/mnist", "データ", "a b", "...", "{a}", "%"]
)
def test_other_names_are_fine(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    "entry",
    [
        LocalDatasetEntry("n", REF, []),
        LocalDatasetEntry("n", REF, [""]),
        LocalDatasetEntry("n", "no reference", ["/a.tar"]),
        LocalDatasetEntry("x" * 513, REF, ["/a.tar"]),
        LocalDatasetEntry("n", REF, ["/a.tar"], schema_cid="no cid"),
        LocalDatasetEntry("n", REF, ["/a.tar"], created_at="yesterday"),
        LocalDatasetEntry("n", REF, ["/a.tar"], {"a": {1}}),
        LocalDatasetEntry("n", REF, ["/a.tar"], {"a": "x" * 1_000_001}),
        LocalDatasetEntry("half \ud800 pair".replace(" ", "_"), REF, ["/a.tar"]),
    ],
)
def test_what_the_lexicon_refuses_is_not_written(entry: LocalDatasetEntry) -> None:
    with pytest.raises(EntryError):
        entry.to_text()


def damaged() -> list[str]:
    good = json.loads(known_entry().to_text())
    changes: list[dict[str, object]] = [
        {"name": "other"},
        {"urls": []},
        {"urls": "text"},
        {"metadata": "[1]"},
        {"metadata": "{"},
        {"metadata": '{"a":' * 100_000},
        {"contentCid": cid.of_cbor(b"another")},
        {"shards": [{"cid": "x"}]},
        {"createdAt": 5},
    ]
    return ["", "nonsense", "[]", "null", "\ufffd", *(json.dumps(good | one) for one in changes)]


@pytest.mark.parametrize("text", damaged())
def test_damaged_text_raises_with_the_name(text: str) -> None:
    with pytest.raises(RecordError, match="'digits'"):
        LocalDatasetEntry.from_text("digits", text)
