"""Canonical JSON text of schema documents: equal documents have equal CIDs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from atdata.errors import SchemaError

MAX_TEXT = 500_000  # the limit of the lexicon ac.foundation.dataset.sampleSchema, in bytes


def canonical_text(document: Mapping[str, Any]) -> str:
    """Return a schema document as JSON with sorted keys, no spaces and only necessary escapes.

    Raises:
        SchemaError: It holds what JSON can't (bytes, NaN, keys that are not text, text that is
            not valid Unicode), or is larger than 500,000 bytes.
    """
    try:
        text = json.dumps(
            dict(document),
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
            allow_nan=False,
        )
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise SchemaError(f"the schema document is not a JSON object: {error}") from None
    _check_size(size)
    return text


def parse_document(text: str) -> dict[str, Any]:
    """Parse the JSON object in a text of unknown origin.

    Raises:
        SchemaError: Not one JSON object, a key twice, or more than 500,000 bytes.
    """
    _check_size(len(text.encode(errors="surrogatepass")))
    try:
        document = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise SchemaError(f"the schema document is not a JSON object: {error}") from None
    if not isinstance(document, dict):
        raise SchemaError("the schema document is not a JSON object")
    return document


def _check_size(size: int) -> None:
    if size > MAX_TEXT:
        raise SchemaError(f"the schema document is larger than {MAX_TEXT} bytes")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key occurs twice")
    return document


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
