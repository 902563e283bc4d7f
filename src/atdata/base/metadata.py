"""Free metadata: any JSON object, carried as text."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from atdata.errors import EntryError

# Deep enough in practice, and well below the limit of Python's own JSON parser.
_MAX_DEPTH = 64


def metadata_text(metadata: Mapping[str, Any]) -> str:
    """Return metadata as JSON text with sorted keys.

    Raises:
        EntryError: Something in it is not JSON; the error has its ``path``, such as ``$.a[0]``.
    """
    if not isinstance(metadata, Mapping):
        raise EntryError(f"metadata is a {type(metadata).__name__}, not a dict", path="$")
    return json.dumps(_plain(metadata, "$", 0), sort_keys=True, ensure_ascii=False)


def _plain(value: object, path: str, depth: int) -> object:
    if depth > _MAX_DEPTH:
        raise EntryError(f"metadata is nested more than {_MAX_DEPTH} levels deep", path=path)
    match value:
        case None | bool() | int() | str():
            return value
        case float() if math.isfinite(value):
            return value
        case Mapping():
            return {_key(k, path): _plain(v, f"{path}.{k}", depth + 1) for k, v in value.items()}
        case list() | tuple():
            return [_plain(v, f"{path}[{i}]", depth + 1) for i, v in enumerate(value)]
    raise EntryError(
        f"metadata holds a {type(value).__name__} that JSON can't carry",
        path=path,
        hint="Use str, int, finite float, bool, None, and lists and dicts of these.",
    )


def _key(key: object, path: str) -> str:
    if not isinstance(key, str):
        raise EntryError(f"metadata has a key of type {type(key).__name__}, not str", path=path)
    return key
