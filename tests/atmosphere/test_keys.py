"""Record keys and AT URIs."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atdata.atmosphere.keys import AtUri, dataset_uri, record_key, schema_uri
from atdata.errors import UrlError
from atdata_records import formats

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("mnist", "mnist"),
        ("team/mnist v2", "team~2Fmnist~20v2"),
        ("1.0.0+build", "1.0.0~2Bbuild"),
        ("a@b%", "a~40b~25"),
        ("~", "~7E"),
        ("naïve", "na~C3~AFve"),
        (".", "~2E"),
        ("..", "~2E~2E"),
        ("...", "..."),
    ],
)
def test_key_of_a_name(name: str, key: str) -> None:
    assert record_key(name) == key


@given(NAMES)
def test_every_key_is_one(name: str) -> None:
    assert formats.is_record_key(record_key(name))


@given(NAMES, NAMES)
def test_different_names_have_different_keys(one: str, other: str) -> None:
    assert (record_key(one) == record_key(other)) == (one == other)


@pytest.mark.parametrize("name", ["", "x" * 513, "é" * 100, "\ud800"])
def test_names_that_make_no_key(name: str) -> None:
    with pytest.raises(UrlError):
        record_key(name)


def test_uris_follow_from_names() -> None:
    did = "did:plc:abc"
    assert str(dataset_uri(did, "a b")) == "at://did:plc:abc/ac.foundation.dataset.record/a~20b"
    assert (
        str(schema_uri(did, "Image", "1.0.0"))
        == "at://did:plc:abc/ac.foundation.dataset.sampleSchema/Image:1.0.0"
    )


def test_at_uri_reads_what_it_writes() -> None:
    uri = AtUri("did:plc:abc", "ac.foundation.dataset.record", "a~20b")
    assert AtUri.parse(str(uri)) == uri


@pytest.mark.parametrize(
    "text",
    [
        "",
        "at://",
        "at://did:plc:abc",
        "at://did:plc:abc/ac.foundation.dataset.record",
        "at://did:plc:abc/ac.foundation.dataset.record/",
        "at://did:plc:abc/ac.foundation.dataset.record/a/b",
        "at://did:plc:abc/ac.foundation.dataset.record/a@b",
        "at://did:plc:abc/ac.foundation.dataset.record/a#b",
        "https://did:plc:abc/ac.foundation.dataset.record/a",
        "did:plc:abc/ac.foundation.dataset.record/a",
    ],
)
def test_text_that_is_no_record_uri(text: str) -> None:
    with pytest.raises(UrlError):
        AtUri.parse(text)


def test_an_at_uri_is_its_text() -> None:
    uri = AtUri("did:plc:abc", "ac.foundation.dataset.record", "a")
    assert uri == "at://did:plc:abc/ac.foundation.dataset.record/a"
    assert (uri.authority, uri.collection, uri.rkey) == tuple(uri[5:].split("/"))
    assert AtUri.parse(uri) is uri
    assert json.loads(json.dumps({"uri": uri})) == {"uri": str(uri)}
    for copied in (pickle.loads(pickle.dumps(uri)), copy.deepcopy(uri)):
        assert (copied, copied.rkey) == (uri, "a")
