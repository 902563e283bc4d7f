"""What is said of a dataset; and how everything that stands for one shows in a notebook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
from numpy.typing import NDArray

import atdata
from atdata import Dataset, DictSample, SampleBatch
from atdata.atmosphere import AtmosphereIndexEntry
from atdata.errors import SampleError, StorageError
from atdata.local import LocalDatasetEntry, LocalIndex
from atdata.reading.describe import fetch_metadata
from atdata.testing.samples import Thing, write_things
from atdata_records.ac.foundation.dataset.record import Record, UrlStorage

HOSTILE = "<script>alert('x')</script>"
SIGNED = "https://user:hunter2@example.com/a.tar?X-Amz-Signature=hunter2"


@atdata.packable
class Sample:
    image: NDArray[np.uint8]
    label: int
    note: str | None = None


def local_entry(urls: list[str]) -> LocalDatasetEntry:
    return LocalDatasetEntry(
        HOSTILE, "atdata://local/sampleSchema/A@1.0.0", urls, metadata={HOSTILE: HOSTILE}
    )


def published_entry(urls: list[str]) -> AtmosphereIndexEntry:
    record = Record(
        name=HOSTILE,
        description=HOSTILE,
        schema_ref="at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/ac.foundation.dataset.sampleSchema/a",
        storage=UrlStorage(urls=urls),
        created_at="2026-01-01T00:00:00Z",
    )
    uri = "at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/ac.foundation.dataset.record/a"
    return AtmosphereIndexEntry(uri, record, urls, {HOSTILE: HOSTILE})


def shown(*things: Any) -> list[str]:
    """Their reprs, and their HTML."""
    return [text for thing in things for text in (repr(thing), thing._repr_html_())]


# Metadata


def test_metadata_is_a_msgpack_map(tmp_path: Path) -> None:
    path = tmp_path / "meta.msgpack"
    path.write_bytes(msgpack.packb({"lab": "302", "runs": [1, 2]}))
    assert fetch_metadata(str(path)) == {"lab": "302", "runs": [1, 2]}
    with pytest.raises(StorageError):
        fetch_metadata(str(tmp_path / "missing"))


def test_metadata_is_bounded_and_checked(tmp_path: Path) -> None:
    path = tmp_path / "meta.msgpack"
    path.write_bytes(bytes((16 << 20) + 1))
    with pytest.raises(StorageError, match="more than"):
        fetch_metadata(str(path))
    path.write_bytes(b"\x93\x01\x02\x03")
    with pytest.raises(SampleError):
        fetch_metadata(str(path))


# As text, and in notebooks


def test_nothing_hostile_is_let_through(tmp_path: Path) -> None:
    (tmp_path / HOSTILE.replace("/", "")).mkdir()
    write_things(tmp_path / "<b>", 3)
    dataset = Dataset[Thing](f"{tmp_path}/<b>/000000.tar")
    entries = local_entry([HOSTILE]), published_entry(["https://example.com/<script>"])
    for text in (thing._repr_html_() for thing in (dataset, *entries)):
        assert "<script" not in text
        assert "<b>" not in text
        assert "&lt;" in text


def test_secrets_in_urls_are_not_shown() -> None:
    for text in shown(Dataset(SIGNED), local_entry([SIGNED]), published_entry([SIGNED])):
        assert "hunter2" not in text
        assert "example.com/a.tar" in text


def test_reprs_and_tables_are_short() -> None:
    urls = [f"https://example.com/{'deep/' * 100}{number}.tar" for number in range(5000)]
    for text in shown(Dataset(urls), local_entry(urls), published_entry(urls)):
        assert len(text) < 20_000
        assert "…" in text


def test_a_dataset_shows_its_type_source_and_shards(tmp_path: Path) -> None:
    dataset = write_things(tmp_path / "data", 10)
    html = dataset._repr_html_()
    assert "Dataset[Thing]" in html
    assert "<td>3</td>" in html
    assert f"{tmp_path}/data/000002.tar" in html
    assert repr(dataset).startswith("Dataset[Thing](URLSource([")


def test_a_schema_shows_its_fields(tmp_path: Path) -> None:
    with LocalIndex(path=tmp_path / "index.db") as index:
        reference = index.publish_schema(Thing, version="1.2.0")
        schema = index.get_schema(reference)
    assert "number<br>values" in schema._repr_html_()
    assert repr(schema) == f"LocalSchema({reference!r}, cid={schema.cid!r})"
    assert "Thing 1.2.0" in schema._repr_html_()


def test_a_batch_shows_its_columns(tmp_path: Path) -> None:
    samples = [Sample(np.zeros((2, 3), np.uint8), n, "x" if n else None) for n in range(4)]
    read = atdata.write_shards(samples * 3, tmp_path / "a").ordered(batch_size=12)
    for batch in (SampleBatch[Sample](samples), *read):
        html = batch._repr_html_()
        assert f"SampleBatch[Sample] of {len(batch)} samples" in html
        assert f"uint8 ({len(batch)}, 2, 3)" in html
        assert "list of int" in html
        assert "list of NoneType, str" in html


def test_a_batch_of_no_type_shows_what_the_first_sample_holds() -> None:
    batch = SampleBatch([DictSample({"a": np.zeros(2), HOSTILE: n}) for n in range(3)])
    html = batch._repr_html_()
    assert "float64 (3, 2)" in html
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_a_dataset_is_described_without_opening_it(tmp_path: Path) -> None:
    dataset = Dataset[Thing](f"{tmp_path}/{{000000..000009}}.tar")
    assert "<td>10</td>" in dataset._repr_html_()
