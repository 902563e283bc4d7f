"""Data of the earlier implementation, made by ``make.py``, laid out for a test."""

from __future__ import annotations

import json
import os
import sqlite3
import zipfile
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

import atdata
from atdata.samples.plain import same

VERSIONS = ("0.3.4b1", "0.5.1b1", "0.7.0b1")
_PLACE = "/tmp/atdata-earlier"
_DATA = Path(__file__).parent / "data"
# Fixtures that were just made; else those of the repository.
_MADE = Path(os.environ.get("ATDATA_EARLIER", _DATA))


@atdata.packable
class Reading:
    values: NDArray[np.float32]
    mask: NDArray[np.bool_] | None
    label: int
    weight: float
    is_good: bool
    name: str
    raw: bytes
    tags: list[str]


def unpack(version: str, folder: Path) -> Path:
    """Unpack the data of a version into a folder; return the path of its index."""
    with zipfile.ZipFile(_MADE / f"{version}.zip") as file:
        file.extractall(folder)
    path = folder / "index.db"
    database = sqlite3.connect(path)
    database.executescript((folder / "index.sql").read_text())
    rows = database.execute("SELECT cid, data_urls, metadata FROM dataset_entries").fetchall()
    for cid, urls, metadata in rows:
        moved = [_moved(packed, folder) for packed in (urls, metadata)]
        database.execute(
            "UPDATE dataset_entries SET data_urls = ?, metadata = ? WHERE cid = ?", (*moved, cid)
        )
    database.commit()
    database.close()
    return path


def ours() -> dict[str, bytes]:
    """Return the shards that ``make.py`` reads with the earlier implementation, by file name."""
    with zipfile.ZipFile(_DATA / "ours.zip") as file:
        return {name: file.read(name) for name in file.namelist()}


def shards(folder: Path, name: str) -> list[str]:
    """Return the paths of the shards of an unpacked dataset."""
    return [str(path) for path in sorted((folder / "data" / name).glob("*.tar"))]


def records(folder: Path, did: str, blob: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the records of an unpacked version, as an account would publish them.

    Args:
        folder: The data.
        did: The account.
        blob: Reference to the shard of the readings, uploaded.
    """
    text = (folder / "records.json").read_text().replace("did:plc:earlierearlierearlierear", did)
    found: list[dict[str, Any]] = json.loads(text)
    for record in found:
        for one in record["value"].get("storage", {}).get("blobs", []):
            one["blob"] = blob
    return found


def assert_equal(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Compare the fields of two samples: arrays by dtype, shape and bytes."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if isinstance(value, np.ndarray):
            assert (found[name].dtype, found[name].shape) == (value.dtype, value.shape)
            assert found[name].tobytes() == value.tobytes()
        else:
            assert same(found[name], value)


def _moved(packed: bytes | None, folder: Path) -> bytes | None:
    return None if packed is None else msgpack.packb(_at(msgpack.unpackb(packed), folder))


def _at(value: object, folder: Path) -> object:
    if isinstance(value, str):
        return value.replace(_PLACE, str(folder))
    if isinstance(value, list):
        return [_at(one, folder) for one in value]
    if isinstance(value, dict):
        return {_at(key, folder): _at(one, folder) for key, one in value.items()}
    return value
