"""Dataset records of other tools, read as atdata's. They are never written.

Known shapes, by the last word of the storage's ``$type`` (``kind`` or ``type`` in the
oldest ones):

=================  ====================================================================
storageExternal    ``urls``, with brace notation
storageHttp        ``shards``: each a ``url`` and a ``checksum``
storageS3          ``bucket``, ``endpoint``, and ``shards``: each a ``key`` and a ``checksum``
storageBlobs       ``blobs``: references, or each a ``blob`` and a ``checksum``
none               ``urls`` of the record itself
=================  ====================================================================

A checksum is an ``algorithm`` and a ``digest`` in hexadecimal; a sha256 is checked on reading. The
earlier implementation writes the algorithm ``none`` and an empty digest unless it is given others:
such shards are read, and are unverified.
In addition, ``size`` may be an object of ``samples`` and ``bytes``, ``metadata`` an object or
bytes of msgpack, and record keys are derived from the time.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgpack  # type: ignore[import-untyped]

from atdata.atmosphere.keys import AtUri
from atdata.atmosphere.records import StoredRecord
from atdata.atmosphere.repositories import Repositories, readable
from atdata.errors import RecordError
from atdata.shards.expected import ExpectedShard
from atdata.storage.urls import redacted
from atdata_records import ValidationError
from atdata_records import cid as cids
from atdata_records.ac.foundation.dataset.record import Record
from atdata_records.data import read_bytes

COLLECTIONS = (
    Record.NSID,
    "ac.foundation.dataset.entry",
    "science.alt.dataset.entry",
    "app.bsky.atdata.dataset",
)
"""The collections in which dataset records are found; atdata's first."""
_KINDS = {
    "external": "external", "storageExternal": "external", "storageHttp": "http",
    "storageS3": "s3", "blobs": "blobs", "storageBlobs": "blobs",
}  # fmt: skip
_OPTIONAL = ("description", "tags", "license", "size", "samples", "metadata")


@dataclass(frozen=True, slots=True)
class Published:
    """A dataset as it is published.

    Attributes:
        uri: Address of the record.
        record: The record, translated to atdata's lexicon.
        expected: What is known of each shard beyond the record; None when nothing.
        unverified: Kind of the checksums, if they can't be checked.
    """

    uri: AtUri
    record: Record
    expected: tuple[ExpectedShard, ...] | None = None
    unverified: str | None = None


def _warn(left_out: str) -> None:
    warnings.warn(left_out, stacklevel=4)


def read_dataset(found: StoredRecord, *, note: Callable[[str], None] = _warn) -> Published:
    """Return a dataset record of atdata or of another tool.

    Args:
        found: The record.
        note: Called with each detail of another tool's record that is left out.

    Raises:
        RecordError: It has neither shape; the message has the path inside the record.
    """
    if not is_foreign(found.value):
        return Published(found.uri, found.read(Record))
    try:
        storage, checksums = _storage(found.value)
        record = _record(found.value, storage, note)
    except RecordError as error:
        error.uri = str(found.uri)
        raise
    unverified = next((one for one in checksums if isinstance(one, str)), None)
    expected = tuple(one for one in checksums if isinstance(one, ExpectedShard))
    if unverified is not None:
        return Published(found.uri, record, unverified=unverified)
    return Published(found.uri, record, expected or None)


def is_foreign(value: Mapping[str, Any]) -> bool:
    """Return whether a record has the shape of another tool."""
    return value.get("$type") in COLLECTIONS[1:] or _kind(value.get("storage")) is not None


def published_datasets(
    repositories: Repositories, repo: str | None, limit: int | None = None
) -> Iterator[Published]:
    """Return the datasets of a repository, whichever tool published them; atdata's first.

    Arguments and warnings are those of :func:`atdata.atmosphere.repositories.readable`.
    """
    return readable(repositories, COLLECTIONS, repo, read_dataset, limit)


def _record(
    value: Mapping[str, Any], storage: dict[str, Any], note: Callable[[str], None]
) -> Record:
    ours = {
        "$type": Record.NSID,
        "name": value.get("name"),
        "schemaRef": value.get("schemaRef"),
        "createdAt": value.get("createdAt"),
        "storage": storage,
        **_details(value, note),
    }
    try:
        return Record.from_dict(ours)
    except ValidationError as error:
        wrong = {issue.parts[0]: issue for issue in error.issues if issue.parts}
    for name in _OPTIONAL:
        # The data stays readable when a text is longer than atdata allows.
        if name in wrong:
            note(f"left out of the record: {wrong[name]}")
            del ours[name]
    try:
        return Record.from_dict(ours)
    except ValidationError as error:
        issue = error.issues[0]
        raise RecordError(f"not a dataset: {issue.message}", path=issue.path) from error


def _details(value: Mapping[str, Any], note: Callable[[str], None]) -> dict[str, Any]:
    sizes = value.get("size")
    sizes = sizes if isinstance(sizes, Mapping) else {"bytes": sizes}
    details = {
        "description": value.get("description"),
        "tags": value.get("tags"),
        "license": value.get("license"),
        "size": sizes.get("bytes"),
        "samples": sizes.get("samples"),
        "metadata": _metadata(value.get("metadata"), note),
    }
    return {name: found for name, found in details.items() if found is not None}


def _metadata(given: Any, note: Callable[[str], None]) -> str | None:
    """Return metadata as JSON text; None, with a note, for what JSON can't hold."""
    if given is None or isinstance(given, str):
        return given
    try:
        if isinstance(given, Mapping) and "$bytes" in given:
            given = read_bytes(given)
        if isinstance(given, bytes):
            given = msgpack.unpackb(given)
        return json.dumps(given, sort_keys=True)
    except (TypeError, ValueError, RecursionError, msgpack.UnpackException) as error:
        note(f"the metadata can't be read: {error}")
        return None


def _kind(storage: Any) -> str | None:
    if not isinstance(storage, Mapping):
        return None
    for key in ("$type", "kind", "type"):
        if isinstance(word := storage.get(key), str):
            return _KINDS.get(word.replace("#", ".").rpartition(".")[2])
    return None


def _storage(value: Mapping[str, Any]) -> tuple[dict[str, Any], list[ExpectedShard | str]]:
    """Return the shards' storage as a member of atdata's union, and the checksum of each."""
    storage = value.get("storage")
    kind = _kind(storage)
    if storage is None and "urls" in value:
        return _urls(_list(value["urls"], "$.urls")), []
    if kind is None:
        raise RecordError("stored in a way that is not known here", path="$.storage")
    storage = _map(storage, "$.storage")
    if kind == "external":
        return _urls(_list(storage.get("urls"), "$.storage.urls")), []
    if kind == "blobs":
        blobs = _list(storage.get("blobs"), "$.storage.blobs")
        return _blobs([_blob(one, f"$.storage.blobs[{n}]") for n, one in enumerate(blobs)]), []
    shards = [
        _map(shard, f"$.storage.shards[{number}]")
        for number, shard in enumerate(_list(storage.get("shards"), "$.storage.shards"))
    ]
    urls = _http(shards) if kind == "http" else _objects(storage, shards)
    path = "$.storage.shards[{}].checksum"
    checksums = [_expected(shard.get("checksum"), path.format(n)) for n, shard in enumerate(shards)]
    return _urls(urls), checksums


def _urls(urls: list[Any]) -> dict[str, Any]:
    return {"$type": f"{Record.NSID}#urlStorage", "urls": urls}


def _blobs(blobs: list[dict[str, Any]]) -> dict[str, Any]:
    return {"$type": f"{Record.NSID}#blobStorage", "blobs": blobs}


def _blob(one: Any, path: str) -> dict[str, Any]:
    blob = _map(one, path)
    if "blob" in blob:
        blob = _map(blob["blob"], f"{path}.blob")
    # Many servers store no media type, or a general one.
    return {**blob, "mimeType": "application/octet-stream"}


def _http(shards: list[Mapping[str, Any]]) -> list[str]:
    path = "$.storage.shards[{}].url"
    # Text that looks like brace notation here is a part of the name.
    return [_plain(_text(shard.get("url"), path.format(n))) for n, shard in enumerate(shards)]


def _objects(storage: Mapping[str, Any], shards: list[Mapping[str, Any]]) -> list[str]:
    """Return URLs of objects in S3.

    The user's credentials are never sent to a server that a record names: unless the user's own
    configuration has that endpoint for the bucket, objects there are read anonymously,
    and from public addresses only.
    """
    bucket = _text(storage.get("bucket"), "$.storage.bucket")
    endpoint = storage.get("endpoint")
    path = "$.storage.shards[{}].key"
    keys = [_plain(_text(shard.get("key"), path.format(n))) for n, shard in enumerate(shards)]
    if endpoint is None:
        return [f"s3://{bucket}/{key}" for key in keys]
    endpoint = _text(endpoint, "$.storage.endpoint").rstrip("/")
    if not endpoint.startswith(("https://", "http://")):
        raise RecordError(f"{redacted(endpoint)!r} is not an endpoint", path="$.storage.endpoint")
    from atdata.storage.buckets import find_bucket
    from atdata.storage.s3 import S3Bucket

    if (find_bucket(S3Bucket, bucket).access.endpoint or "").rstrip("/") == endpoint:
        return [f"s3://{bucket}/{key}" for key in keys]
    return [f"{endpoint}/{quote(bucket)}/{quote(key)}" for key in keys]


def _plain(name: str) -> str:
    if "{" in name:
        message = f"{redacted(name)!r} is not the name of one shard"
        raise RecordError(message, path="$.storage.shards")
    return name


def _expected(given: Any, path: str) -> ExpectedShard | str:
    """Return what a checksum describes; its kind if it can't be checked."""
    checksum = _map(given, path)
    algorithm = _text(checksum.get("algorithm"), f"{path}.algorithm")
    if (algorithm, checksum.get("digest")) == ("none", ""):
        return algorithm
    digest = _text(checksum.get("digest"), f"{path}.digest")
    if algorithm.lower().replace("-", "") != "sha256":
        return algorithm
    try:
        return ExpectedShard(cids.from_digest(bytes.fromhex(digest)))
    except ValueError as error:
        raise RecordError("not a sha256 in hexadecimal", path=f"{path}.digest") from error


def _map(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise RecordError(f"expected an object, not {value!r:.40}", path=path)
    return value


def _list(value: Any, path: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise RecordError(f"expected a list that is not empty, not {value!r:.40}", path=path)
    return value


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str) or not value:
        raise RecordError(f"expected a text, not {value!r:.40}", path=path)
    return value
