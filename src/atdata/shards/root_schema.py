"""The sample type stored with a dataset: ``schema.json``, checked against the manifest's CID."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from atdata.errors import SchemaConflict, SchemaError
from atdata.samples.canonical import parse_document
from atdata.samples.from_schema import type_from_document
from atdata.samples.schema import schema_cid
from atdata.shards.manifest import MANIFEST_NAME, SCHEMA_NAME, Manifest

_HINT = "Write the dataset again, or pass the class of the samples."


def manifest_type(manifest: Manifest, schema: bytes, uri: str) -> type[Any]:
    """Return the sample type of a dataset.

    Args:
        manifest: Of the dataset.
        schema: Its schema document.
        uri: Where that is, for errors.

    Raises:
        SchemaError: It does not describe a sample type.
        SchemaConflict: Its CID is not the one in the manifest.
    """
    name, version = manifest.schema_name
    try:
        document = parse_document(schema.decode())
    except UnicodeDecodeError as error:
        raise SchemaError("the schema is not UTF-8", uri=uri, hint=_HINT) from error
    found = schema_cid(name, version, document)
    if found != manifest.schema_cid:
        raise SchemaConflict(
            f"the schema is {found}, the manifest names {manifest.schema_cid}", uri=uri, hint=_HINT
        )
    return type_from_document(document, name=name)


def folder_type(folder: Path) -> type[Any] | None:
    """Return the sample type of a build root; None for a folder without manifest or schema.

    Raises:
        ManifestError: The manifest is not sound.
        SchemaError: As :func:`manifest_type`.
    """
    try:
        manifest = (folder / MANIFEST_NAME).read_bytes()
        schema = (folder / SCHEMA_NAME).read_bytes()
    except FileNotFoundError:
        return None
    return manifest_type(Manifest.from_json(manifest), schema, str(folder / SCHEMA_NAME))
