"""Canonical JSON, parsed strictly."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from atdata.errors import ManifestError


def canonical_json(value: Any) -> bytes:
    """Return JSON with sorted keys, no spaces, and unescaped UTF-8: equal values, equal bytes."""
    text = json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode()


def parse_json(data: bytes, *, limit: int) -> Any:
    """Return the value in JSON bytes.

    Args:
        data: The bytes.
        limit: Most bytes that are accepted.

    Raises:
        ManifestError: Too long, not JSON, a key twice in an object, or a number that is not
            an integer. Its code is ``JSON_INVALID`` or ``JSON_DUPLICATE_KEY``.
    """
    if len(data) > limit:
        raise _invalid(f"more than {limit} bytes")
    try:
        return json.loads(
            data.decode(),
            object_pairs_hook=_unique,
            parse_float=_no_float,
            parse_constant=_no_float,
        )
    except (ValueError, RecursionError) as error:
        if isinstance(error, ManifestError):
            raise
        raise _invalid(str(error) or "nested too deeply") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ManifestError(f"the key {twice!r} is there twice", code="JSON_DUPLICATE_KEY")
    return value


def _no_float(text: str) -> NoReturn:
    raise _invalid(f"{text[:40]} is not an integer")


def _invalid(reason: str) -> ManifestError:
    return ManifestError(f"not sound JSON: {reason}", code="JSON_INVALID")
