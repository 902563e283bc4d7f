"""The form of ``dataset.json``; ways to break one are in ``lifecycle/attacks.py``."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atdata.errors import ManifestError
from atdata.shards.canonical import canonical_json
from atdata.shards.info import ShardInfo
from atdata.shards.manifest import Manifest, check_name, read_manifest, schema_ref
from atdata_records import cid

INFOS = st.builds(
    ShardInfo,
    st.binary(max_size=4).map(cid.of_bytes),
    st.integers(1024, 2**53 - 1),
    st.integers(1, 2**53 - 1),
)
LINES = st.text("abc äß日'\"\\{}<>", max_size=20)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    infos = draw(st.lists(INFOS, min_size=1, max_size=4))
    return Manifest(
        name=draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,10}", fullmatch=True)),
        version=draw(st.sampled_from(["0.0.1", "1.0.0", "12.3.4-rc.1"])),
        schema_ref=schema_ref("Größe", "1.0.0"),
        schema_cid=cid.of_cbor(draw(st.binary(max_size=4))),
        paths=tuple(f"{number:06d}.tar" for number in range(len(infos))),
        shards=tuple(infos),
        source=draw(st.none() | LINES),
        tool=draw(LINES),
    )


def manifest() -> Manifest:
    info = ShardInfo(cid.of_bytes(b"a"), 2048, 3)
    reference = schema_ref("Sample", "1.0.0")
    schema = cid.of_cbor(b"schema")
    return Manifest("a", "1.0.0", reference, schema, ("0.tar", "1.tar"), (info, info))


@given(manifests())
def test_what_is_written_is_read(one: Manifest) -> None:
    assert Manifest.from_json(one.to_json()) == one
    assert read_manifest(one.to_json()) == (one, [])


@given(manifests(), st.randoms(use_true_random=False))
def test_a_changed_byte_is_never_the_same_manifest(one: Manifest, chance: random.Random) -> None:
    data = bytearray(one.to_json())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    found, problems = read_manifest(bytes(data))
    assert found != one
    assert (found is None) == bool(problems)
    assert all(problem.code for problem in problems)


def test_sums_and_identity() -> None:
    one = manifest()
    assert (one.samples, one.size) == (6, 4096)
    document = json.loads(one.to_json())
    assert document["totals"] == {"shards": 2, "samples": 6, "bytes": 4096}
    assert document["content_cid"] == one.content_cid
    assert one.schema_name == ("Sample", "1.0.0")
    assert document["shards"][1]["index"] == 1


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"format_version": 2}, "format_version"),
        ({"extra": 1}, "extra"),
        ({"schema": []}, "schema"),
        ({"shards": [1]}, "shards[0]"),
        ({"shards": []}, "shards"),
        ({"source": "two\nlines"}, "source"),
        ({"name": 3}, "name"),
        ({"build": {"tool": "x", "time": 1}}, "build.time"),
    ],
)
def test_what_is_wrong_raises_with_its_place(change: dict[str, Any], place: str) -> None:
    data = canonical_json(json.loads(manifest().to_json()) | change)
    found, problems = read_manifest(data)
    assert found is None
    assert place in {problem.path for problem in problems}
    with pytest.raises(ManifestError):
        Manifest.from_json(data)


def test_all_problems_are_reported() -> None:
    document = json.loads(manifest().to_json())
    document["shards"][0]["samples"] = 0
    document["shards"][1]["path"] = "../1.tar"
    _, problems = read_manifest(canonical_json(document | {"extra": 1}))
    assert [problem.code for problem in problems] == [
        "MANIFEST_UNKNOWN_FIELD",
        "MANIFEST_FORM",
        "MANIFEST_PATH",
    ]


def test_another_spelling_is_reported() -> None:
    data = json.dumps(json.loads(manifest().to_json())).encode()
    (problem,) = read_manifest(data)[1]
    assert problem.code == "MANIFEST_NOT_CANONICAL"


@pytest.mark.parametrize(
    ("name", "version"),
    [("", "1.0.0"), ("a/b", "1.0.0"), ("..", "1.0.0"), ("a..b", "1.0.0"), (".a", "1.0.0"),
     ("a" * 129, "1.0.0"), ("a", "1.0"), ("a", "01.0.0"), ("a", "1.0.0\n"), ("a", "v1.0.0")],
)  # fmt: skip
def test_names_and_versions_are_checked(name: str, version: str) -> None:
    check_name("a", "1.0.0-rc.1")
    with pytest.raises(ManifestError) as caught:
        check_name(name, version)
    assert caught.value.code == "MANIFEST_NAME"
