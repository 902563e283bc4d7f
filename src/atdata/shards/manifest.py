"""``dataset.json``: the manifest of a folder of shards, a release or a pack.

The form is canonical JSON (sorted keys, no spaces, UTF-8, integers only) without anything that
changes between two runs, so equal datasets have equal manifests. Reading is strict: a field that
is unknown, missing or twice, a number that does not add up or a digest in another spelling is an
error, because readers decide by the manifest what to trust.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from atdata.base.names import check_dataset_name
from atdata.errors import ManifestError
from atdata.shards.canonical import canonical_json, parse_json
from atdata.shards.info import ShardInfo, content_cid
from atdata_records import cid

FORMAT_VERSION = 1
MANIFEST_NAME = "dataset.json"
SCHEMA_NAME = "schema.json"
MARKER = "store.json"  # of a serving store
MAX_BYTES = 16 << 20  # about fifty thousand shards

_VERSION = re.compile(r"(0|[1-9]\d{0,8})(\.(0|[1-9]\d{0,8})){2}(-[0-9A-Za-z][0-9A-Za-z.-]{0,63})?")
_REF = re.compile(r"atdata://local/sampleSchema/([^\W\d]\w{0,127})@([0-9][0-9A-Za-z.+-]{0,95})")
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,90}\.tar")
_SHA256 = re.compile(r"[0-9a-f]{64}")

_FIELDS = {
    "format_version", "name", "version", "schema", "shards", "totals", "content_cid", "source",
    "build",
}  # fmt: skip
_SHARD_FIELDS = {"index", "path", "bytes", "sha256", "cid", "samples"}


@dataclass(frozen=True, slots=True)
class Manifest:
    """A dataset: its name and version, its schema, and its shards in order.

    Attributes:
        name: See :mod:`atdata.base.names`.
        version: ``MAJOR.MINOR.PATCH``, with a suffix such as ``-rc.1`` where wanted.
        schema_ref: ``atdata://local/sampleSchema/{Class}@{version}``.
        schema_cid: CID of the schema's content.
        paths: File names of the shards, in order.
        shards: Digest, size and count of each, in the same order.
        source: Where the samples came from, as the producer describes it.
        tool: What wrote the shards, such as ``"atdata 0.1.0"``.
    """

    name: str
    version: str
    schema_ref: str
    schema_cid: str
    paths: tuple[str, ...]
    shards: tuple[ShardInfo, ...]
    source: str | None = None
    tool: str = ""

    @property
    def content_cid(self) -> str:
        """The dataset's identity: see :func:`atdata.shards.info.content_cid`."""
        return content_cid(self.schema_cid, self.shards)

    @property
    def samples(self) -> int:
        """Samples in all shards."""
        return sum(shard.samples for shard in self.shards)

    @property
    def size(self) -> int:
        """Bytes of all shards."""
        return sum(shard.size for shard in self.shards)

    @property
    def schema_name(self) -> tuple[str, str]:
        """Class name and version of the schema, from its reference."""
        match = _REF.fullmatch(self.schema_ref)
        assert match is not None  # noqa: S101 - parsed, or made by schema_ref()
        return match[1], match[2]

    def to_json(self) -> bytes:
        """Return the bytes of ``dataset.json``."""
        rows = zip(self.paths, self.shards, strict=True)
        return canonical_json(
            {
                "format_version": FORMAT_VERSION,
                "name": self.name,
                "version": self.version,
                "schema": {"ref": self.schema_ref, "cid": self.schema_cid},
                "shards": [_row(index, path, info) for index, (path, info) in enumerate(rows)],
                "totals": self._totals(),
                "content_cid": self.content_cid,
                "source": self.source,
                "build": {"tool": self.tool},
            }
        )

    @classmethod
    def from_json(cls, data: bytes) -> Manifest:
        """Parse the manifest in these bytes.

        Raises:
            ManifestError: It is not sound; the first of several problems.
        """
        manifest, problems = read_manifest(data)
        if manifest is None:
            raise problems[0]
        return manifest

    def _totals(self) -> dict[str, int]:
        return {"shards": len(self.shards), "samples": self.samples, "bytes": self.size}


def schema_ref(name: str, version: str) -> str:
    """Return the reference of a schema that is stored with its dataset."""
    return f"atdata://local/sampleSchema/{name}@{version}"


def check_name(name: str, version: str, *, is_new: bool = False) -> None:
    """Refuse a dataset name or version that a manifest can't carry.

    Args:
        name: See :mod:`atdata.base.names`.
        version: ``MAJOR.MINOR.PATCH``, with a suffix such as ``-rc.1`` where wanted.
        is_new: Refuse also a name that a folder on Windows can't have.

    Raises:
        ManifestError: With the code ``MANIFEST_NAME``.
    """
    check_dataset_name(name, ManifestError, is_new=is_new, code="MANIFEST_NAME")
    if not _VERSION.fullmatch(version):
        raise ManifestError(
            f"{version!r} can't be a version",
            hint="Write MAJOR.MINOR.PATCH, such as 1.0.0.",
            code="MANIFEST_NAME",
        )


def read_manifest(data: bytes) -> tuple[Manifest | None, list[ManifestError]]:
    """Return the manifest in these bytes, or None and all problems with it."""
    reader = _Reader()
    manifest = reader.manifest(data)
    return (None if reader.problems else manifest), reader.problems


def _row(index: int, path: str, info: ShardInfo) -> dict[str, Any]:
    return {
        "index": index,
        "path": path,
        "bytes": info.size,
        "sha256": cid.digest(info.cid).hex(),
        "cid": info.cid,
        "samples": info.samples,
    }


class _Reader:
    """Reads a manifest, and collects all problems with it."""

    def __init__(self) -> None:
        self.problems: list[ManifestError] = []

    def manifest(self, data: bytes) -> Manifest | None:
        try:
            document = parse_json(data, limit=MAX_BYTES)
        except ManifestError as error:
            self.problems.append(error)
            return None
        if not isinstance(document, dict):
            self._wrong("MANIFEST_FORM", "", "a manifest is a JSON object")
            return None
        version = document.get("format_version")
        if type(version) is not int or version != FORMAT_VERSION:
            hint = "Update atdata: a newer version wrote it." if type(version) is int else None
            self._wrong(
                "MANIFEST_VERSION", "format_version", f"format {version!r} is not known", hint
            )
            return None
        self._exact(document, _FIELDS, "")
        manifest = self._build(document)
        if not self.problems and manifest is not None:
            self._check_sums(document, manifest)
            if not self.problems and data != manifest.to_json():
                self._wrong("MANIFEST_NOT_CANONICAL", "", "not in canonical form")
        return manifest

    def _build(self, document: dict[str, Any]) -> Manifest | None:
        name, version = self._text(document, "name"), self._text(document, "version")
        try:
            check_name(name, version)
        except ManifestError as error:
            self.problems.append(error)
        schema = self._object(document, "schema", {"ref", "cid"})
        build = self._object(document, "build", {"tool"})
        ref, schema_cid = self._text(schema, "ref"), self._text(schema, "cid")
        self._check_schema(ref, schema_cid)
        source = None if document.get("source") is None else self._text(document, "source")
        tool = self._text(build, "tool")
        shards = document.get("shards")
        if not isinstance(shards, list) or not shards:
            self._wrong("MANIFEST_FORM", "shards", "expected a list of shards, not empty")
            return None
        rows = [self._shard(index, row) for index, row in enumerate(shards)]
        if self.problems:
            return None
        paths, infos = zip(*(row for row in rows if row), strict=True)
        if len({path.lower() for path in paths}) != len(paths):
            self._wrong("MANIFEST_SHARD_TWICE", "shards", "two shards have one path")
            return None
        return Manifest(name, version, ref, schema_cid, paths, infos, source, tool)

    def _check_schema(self, ref: str, schema_cid: str) -> None:
        if not _REF.fullmatch(ref):
            self._wrong(
                "MANIFEST_FORM",
                "schema.ref",
                "expected atdata://local/sampleSchema/{Class}@{version}",
            )
        try:
            if schema_cid != cid.from_digest(cid.digest(schema_cid), cid.DAG_CBOR):
                raise ValueError
        except ValueError:
            self._wrong("MANIFEST_DIGEST", "schema.cid", "not a CID of content")

    def _shard(self, index: int, row: Any) -> tuple[str, ShardInfo] | None:
        place = f"shards[{index}]"
        if not isinstance(row, dict):
            self._wrong("MANIFEST_FORM", place, "expected an object")
            return None
        if not self._exact(row, _SHARD_FIELDS, place):
            return None
        path, digest = row["path"], row["sha256"]
        if type(row["index"]) is not int or row["index"] != index:
            self._wrong("MANIFEST_SHARD_ORDER", f"{place}.index", f"expected {index}")
        if not isinstance(path, str) or not _PATH.fullmatch(path) or ".." in path:
            self._wrong("MANIFEST_PATH", f"{place}.path", "not the plain name of a .tar file")
        for name, least in (("bytes", 1024), ("samples", 1)):
            if type(row[name]) is not int or not least <= row[name] < 2**53:
                self._wrong("MANIFEST_FORM", f"{place}.{name}", f"expected at least {least}")
        if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
            self._wrong(
                "MANIFEST_DIGEST", f"{place}.sha256", "not 64 lower-case hexadecimal digits"
            )
            return None
        if row["cid"] != cid.from_digest(bytes.fromhex(digest)):
            self._wrong("MANIFEST_DIGEST", f"{place}.cid", "not the CID of the sha256")
            return None
        return path, ShardInfo(row["cid"], row["bytes"], row["samples"])

    def _check_sums(self, document: dict[str, Any], manifest: Manifest) -> None:
        if document["totals"] != manifest._totals():
            self._wrong("MANIFEST_TOTALS", "totals", "not the sums of the shards' numbers")
        if document["content_cid"] != manifest.content_cid:
            self._wrong(
                "MANIFEST_CONTENT_CID", "content_cid", "not the identity of this schema and shards"
            )

    def _object(self, parent: dict[str, Any], name: str, fields: set[str]) -> dict[str, Any]:
        value = parent.get(name)
        if not isinstance(value, dict):
            self._wrong("MANIFEST_FORM", name, "expected an object")
            return {}
        self._exact(value, fields, name)
        return value

    def _text(self, parent: dict[str, Any], name: str) -> str:
        value = parent.get(name, "")
        # JSON's escapes can contain lone surrogates, which UTF-8 can't encode.
        if isinstance(value, str) and value.isprintable():
            return value
        self._wrong("MANIFEST_FORM", name, "expected text of one line")
        return ""

    def _exact(self, value: dict[str, Any], fields: set[str], place: str) -> bool:
        dot = "." if place else ""
        for name in sorted(value.keys() - fields):
            self._wrong("MANIFEST_UNKNOWN_FIELD", f"{place}{dot}{name}", "not a known field")
        for name in sorted(fields - value.keys()):
            self._wrong("MANIFEST_MISSING_FIELD", f"{place}{dot}{name}", "missing")
        return value.keys() == fields

    def _wrong(self, code: str, place: str, message: str, hint: str | None = None) -> None:
        text = f"the manifest's {place}: {message}" if place else f"the manifest: {message}"
        self.problems.append(ManifestError(text, hint=hint, path=place or None, code=code))
