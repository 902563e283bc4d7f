"""All codes of findings: the check that each belongs to, its class, and its meaning.

The class decides the exit code of a command, by the type of its error.
"""

from __future__ import annotations

from typing import NamedTuple

from atdata import errors


class Code(NamedTuple):
    """One code.

    Attributes:
        check: The check that finds it.
        kind: Its class: a key of :data:`CLASSES`.
        meaning: What is wrong, for readers.
    """

    check: str
    kind: str
    meaning: str


CLASSES: dict[str, type[Exception]] = {
    "bug": RuntimeError,
    "integrity": errors.ShardError,
    "trust": errors.DigestMismatch,
    "content": errors.SampleError,
    "conflict": errors.EntryConflict,
    "missing": errors.StorageError,
}
"""Classes of findings, the gravest first, each with the error that a report of it raises."""

CODES: dict[str, Code] = {
    # The manifest, dataset.json
    "MANIFEST_MISSING": Code("manifest", "missing", "there is no dataset.json"),
    "JSON_INVALID": Code("manifest", "content", "not valid JSON, or too long"),
    "JSON_DUPLICATE_KEY": Code("manifest", "content", "a key twice in one JSON object"),
    "MANIFEST_VERSION": Code("manifest", "content", "a format of the manifest that is not known"),
    "MANIFEST_FORM": Code("manifest", "content", "a value of the wrong type or form"),
    "MANIFEST_UNKNOWN_FIELD": Code("manifest", "content", "a field that manifests don't have"),
    "MANIFEST_MISSING_FIELD": Code("manifest", "content", "a missing field"),
    "MANIFEST_NAME": Code("manifest", "content", "an invalid name or version"),
    "MANIFEST_PATH": Code("manifest", "trust", "a shard's path that is not a file name"),
    "MANIFEST_SHARD_ORDER": Code("manifest", "integrity", "shards out of order"),
    "MANIFEST_SHARD_TWICE": Code("manifest", "content", "one file listed as two shards"),
    "MANIFEST_DIGEST": Code("manifest", "integrity", "a digest or CID in another spelling"),
    "MANIFEST_TOTALS": Code("manifest", "integrity", "totals that are not the sums"),
    "MANIFEST_CONTENT_CID": Code("manifest", "integrity", "not the CID of its own content"),
    "MANIFEST_NOT_CANONICAL": Code("manifest", "integrity", "not in canonical JSON"),
    "SUBJECT_OTHER": Code("manifest", "trust", "another name or version than was asked for"),
    # The schema, schema.json
    "SCHEMA_MISSING": Code("schema", "missing", "there is no schema.json"),
    "SCHEMA_INVALID": Code("schema", "content", "does not describe a sample type"),
    "SCHEMA_NOT_CANONICAL": Code("schema", "content", "not in canonical JSON"),
    "SCHEMA_CID": Code("schema", "integrity", "not the schema whose CID the manifest gives"),
    # Files
    "SHARD_MISSING": Code("files", "missing", "a shard is missing"),
    "UNREADABLE": Code("files", "missing", "a file or object can't be read"),
    "FILE_EXTRA": Code("files", "integrity", "a file that the manifest does not list"),
    "FILE_LINK": Code("files", "trust", "a symbolic link, folder or device in a file's place"),
    "SHARD_SIZE": Code("sizes", "integrity", "a shard of another length"),
    # Tar archives
    "TAR_EMPTY": Code("tar.structure", "integrity", "an empty file"),
    "TAR_COMPRESSED": Code("tar.structure", "integrity", "a compressed archive"),
    "TAR_BAD_CHECKSUM": Code("tar.structure", "integrity", "a damaged header, or none"),
    "TAR_BAD_NUMBER": Code("tar.structure", "integrity", "a number that is not octal"),
    "TAR_NOT_USTAR": Code("tar.structure", "integrity", "a header of another tar format"),
    "TAR_MEMBER_KIND": Code(
        "tar.structure", "integrity", "a link, a device, or a folder with bytes"
    ),
    "TAR_PAX": Code("tar.structure", "integrity", "a pax record that readers read differently"),
    "TAR_TOO_LARGE": Code("tar.structure", "integrity", "a member of more than 2 GiB"),
    "TAR_TRUNCATED": Code("tar.structure", "integrity", "the archive ends inside a member"),
    "TAR_PADDING": Code("tar.padding", "integrity", "bytes after a member that are not zero"),
    "TAR_NO_END": Code("tar.end", "integrity", "no end of archive"),
    "TAR_AFTER_END": Code("tar.end", "integrity", "data after the end of the archive"),
    # Members
    "NAME_UNSAFE": Code("names", "trust", "leaves the folder, or has control characters"),
    "NAME_HIDDEN": Code("names", "integrity", "a dotfile, which has no key"),
    "NAME_RESERVED": Code("names", "integrity", "a name that stock readers skip"),
    "NAME_NO_EXTENSION": Code("names", "integrity", "no extension"),
    "NAME_NOT_PORTABLE": Code("names", "integrity", "characters that look like others"),
    "NAME_FIELD": Code("names", "content", "a member that is not a sample"),
    "NAME_TWICE": Code("names", "content", "a member that is there twice, ignoring case"),
    "NAME_PICKLE": Code("names", "trust", "a pickle, which runs code when it is read"),
    "KEY_TWICE": Code("keys", "content", "a key that is in the dataset already"),
    "KEY_CASE": Code("keys", "content", "a key that differs from another in case only"),
    "SAMPLE_COUNT": Code("counts", "integrity", "another number of samples"),
    "INDEX_STALE": Code("index", "integrity", "an offset index that is not the shard's"),
    "SHARD_DIGEST": Code("digests", "integrity", "a shard of other bytes"),
    # Samples
    "SAMPLE_MSGPACK": Code("samples", "content", "not valid msgpack, or truncated"),
    "SAMPLE_TRAILING": Code("samples", "content", "bytes after the sample"),
    "SAMPLE_KEY_TWICE": Code("samples", "content", "a key twice in a map"),
    "SAMPLE_EXTENSION": Code("samples", "content", "a msgpack extension type"),
    "SAMPLE_DEPTH": Code("samples", "content", "nested too deeply"),
    "SAMPLE_VALUES": Code("samples", "content", "too many values in lists and maps"),
    "SAMPLE_NOT_MAP": Code("samples", "content", "not a map of fields"),
    "SAMPLE_TOO_LARGE": Code("samples", "content", "larger than the limit that was set"),
    "FIELD_MISSING": Code("fields", "content", "a field that the schema requires"),
    "FIELD_EXTRA": Code("fields", "content", "a field that the schema does not have"),
    "FIELD_TYPE": Code("fields", "content", "a value that the schema does not allow"),
    "FIELD_ARRAY": Code("fields", "content", "an invalid array, or one of another shape"),
    "FIELD_COMPACT": Code(
        "fields", "content", "an array in the form of the earlier implementation"
    ),
    "FIELD_PICKLE": Code("fields", "trust", "a pickle in a field, or an array of objects"),
    # The whole
    "CONTENT_CID": Code("content", "integrity", "the bytes have another content CID"),
    "POLICY_GATE": Code("policy", "content", "the policy does not allow it"),
    # Packs
    "PACK_MEMBER": Code("pack", "integrity", "an unexpected, missing or misplaced member"),
    "PACK_HEADER": Code("pack", "integrity", "a header that pack would not write"),
    "PACK_TRUNCATED": Code("pack", "integrity", "the pack ends too early"),
    "PACK_AFTER_END": Code("pack", "integrity", "data after the end of the pack"),
    "PACK_TOO_LARGE": Code("pack", "content", "a shard is too large for a pack"),
    "PACK_EXISTS": Code("pack", "conflict", "the output file exists already"),
    "ANCHOR_MISMATCH": Code("anchor", "trust", "not the dataset that the anchor names"),
    "ANCHOR_REQUIRED": Code("anchor", "trust", "no anchor covers what has to be covered"),
    # Serving stores
    "RELEASE_CONFLICT": Code("release", "conflict", "this version is published with other content"),
    "RELEASE_MISSING": Code("release", "missing", "there is no such release"),
    "STORE_BUSY": Code("release", "conflict", "another process holds the store's lock"),
    "CATALOG_MOVED": Code("catalog", "conflict", "the catalog is at another generation"),
    "CATALOG_MISSING": Code("catalog", "missing", "no such dataset, generation or alias"),
    "CATALOG_BROKEN": Code("catalog", "integrity", "the history is inconsistent"),
    "ALIAS_DANGLING": Code("catalog", "conflict", "an alias of a release that does not exist"),
    "GC_UNSAFE": Code("gc", "integrity", "the live files are unknown; nothing is removed"),
    "GC_GRACE": Code("gc", "conflict", "a shorter grace than publications into the store need"),
    "GC_MOVED": Code("gc", "conflict", "the plan is not the one that was approved"),
    # atdata itself
    "INTERNAL": Code("internal", "bug", "a bug in atdata"),
}
