"""Write the fixtures of this folder with the earlier implementation; read what atdata writes.

It runs in an environment of the earlier implementation: ``nox -s tests-earlier``. With a folder as
argument the fixtures are written there, else into ``data/``. Annotations are not postponed here:
the earlier implementation would not see that a field is an array.
"""

import json
import shutil
import sqlite3
import sys
import tempfile
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from kinds import arrays, readings
from numpy.typing import NDArray

import atdata
from atdata._cid import generate_cid_from_bytes
from atdata.atmosphere import AtUri, DatasetPublisher, LabelPublisher, SchemaPublisher

DATA = Path(__file__).parent / "data"
# Its index keeps absolute paths, so they are the same on every machine.
PLACE = Path("/tmp/atdata-earlier")

Kinds = atdata.packable(type("Kinds", (), {"__annotations__": dict.fromkeys(arrays(), NDArray)}))


@atdata.packable
class Reading:
    """One reading of a sensor."""

    values: NDArray  # the earlier implementation decodes no other spelling of an array
    mask: NDArray | None
    label: int
    weight: float
    is_good: bool
    name: str
    raw: bytes
    tags: list[str]


@atdata.packable
class Label:
    """A view of a reading."""

    label: int


@atdata.lens
def label_of(source: Reading) -> Label:
    """Return the label alone."""
    return Label(label=source.label)


def make(output: Path) -> None:
    """Write shards and an index, and put them into a ZIP file."""
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir()
    store = atdata.LocalDiskStore(PLACE / "data")
    index = atdata.Index(
        provider="sqlite", path=PLACE / "index.db", data_store=store, atmosphere=None
    )
    kinds = atdata.write_samples([Kinds(**arrays())], PLACE / "kinds.tar")
    ref = index.publish_schema(Kinds, version="1.0.0")
    index.insert_dataset(kinds, name="kinds", schema_ref=ref)
    written = atdata.write_samples([Reading(**one) for one in readings()], PLACE / "readings.tar")
    ref = index.publish_schema(Reading, version="1.2.0")
    about = {"site": "B", "runs": [1, 2]}
    entry = index.insert_dataset(
        written, name="readings", schema_ref=ref, metadata=about, maxcount=3
    )
    index.write([Label(label=n) for n in range(3)], name="stored/labels")
    index.label("best", entry.cid, version="1.0.0", description="The best one")
    index.label("best", index.get_dataset("kinds").cid, version="2.0.0")
    if hasattr(index, "store_lens"):
        index.store_lens(label_of, name="label_of", version="1.0.0")
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        file.writestr("index.sql", dump())
        (shard,) = (PLACE / "data" / "readings").glob("*.tar")
        file.writestr("records.json", json.dumps(publish(shard)))
        for path in sorted((PLACE / "data").rglob("*.tar")):
            file.write(path, path.relative_to(PLACE))
    shutil.rmtree(PLACE)


class Repository:
    """In place of a server: keeps what the publishers would send, in order."""

    did = "did:plc:earlierearlierearlierear"

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def create_record(self, collection: str, record: dict[str, Any], **_options: Any) -> AtUri:
        self.records.append({"collection": collection, "value": record})
        return AtUri(self.did, collection, f"3k{len(self.records):011}")

    def upload_blob(self, data: bytes, **_options: Any) -> dict[str, Any]:
        ref = {"$link": generate_cid_from_bytes(data)}
        return {"$type": "blob", "ref": ref, "mimeType": "application/x-tar", "size": len(data)}


def publish(shard: Path) -> list[dict[str, Any]]:
    """Return the records of one dataset in each storage, with labels."""
    repository: Any = Repository()
    schema = SchemaPublisher(repository).publish(Reading, version="1.2.0", description="A reading")
    publisher, label = DatasetPublisher(repository), LabelPublisher(repository).publish
    url = "https://earlier.example/readings.tar"
    about = {"description": "Readings", "tags": ["earlier"], "license": "CC0-1.0"}
    by_url = publisher.publish_with_urls([url], str(schema), name="by url", **about)
    endpoint = {"endpoint": "https://s3.earlier.example", "bucket": "bucket"}
    publisher.publish_with_s3(
        keys=["a/readings.tar"], schema_uri=str(schema), name="by key", **endpoint
    )
    blobs = publisher.publish_with_blobs([shard.read_bytes()], str(schema), name="as blobs")
    label("best", str(by_url), version="1.0.0")
    label("best", str(blobs), version="2.0.0", description="The latest")
    return repository.records


def dump() -> str:
    """Return the index as SQL, which is a tenth of the database's size."""
    with sqlite3.connect(PLACE / "index.db") as database:
        return "\n".join(database.iterdump())


def read_ours() -> None:
    """Read the shards that atdata wrote, and compare their samples."""
    with zipfile.ZipFile(DATA / "ours.zip") as file, tempfile.TemporaryDirectory() as folder:
        file.extractall(folder)
        (kinds,) = atdata.Dataset[Kinds](f"{folder}/kinds.tar").ordered()
        found = list(atdata.Dataset[Reading](f"{folder}/readings.tar").ordered())
    for name, array in arrays().items():
        read = getattr(kinds, name)
        assert (read.dtype, read.shape) == (array.dtype, array.shape), name
        assert read.tobytes() == array.tobytes(), name
    assert len(found) == len(readings())
    for sample, fields in zip(found, readings()):  # noqa: B905
        for name, value in fields.items():
            np.testing.assert_array_equal(getattr(sample, name), value)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    make(target / f"{version('atdata')}.zip")
    read_ours()
