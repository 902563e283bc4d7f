"""S3 credentials from a dict or an env file. Their values never reach an error or a log."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from atdata.base.extras import require
from atdata.errors import StorageError

# Name of the variable -> whether it is required.
_KNOWN = {
    "AWS_ACCESS_KEY_ID": True,
    "AWS_SECRET_ACCESS_KEY": True,
    "AWS_ENDPOINT": False,
    "AWS_REGION": False,
    "AWS_SESSION_TOKEN": False,
}


def read_credentials(given: Mapping[str, str] | str | os.PathLike[str]) -> dict[str, str]:
    """Return the credentials, under the names of their environment variables.

    ``AWS_ACCESS_KEY_ID`` and ``AWS_SECRET_ACCESS_KEY`` are always there, ``AWS_ENDPOINT``,
    ``AWS_REGION`` and ``AWS_SESSION_TOKEN`` if they were given.

    Args:
        given: A mapping with these keys, or the path of an env file: lines ``KEY=VALUE``,
            with or without ``export``, quotes and ``# comments``. Other keys are ignored.
            Values with spaces need quotes.

    Raises:
        StorageError: The file can't be read, a line of it is not an assignment, or a key is
            missing. The message has the line's number, never its text.
        MissingExtra: python-dotenv is not installed.
    """
    if isinstance(given, Mapping):
        return _checked(given, "the credentials")
    path = Path(given).expanduser()
    return _checked(_read_file(path), f"the credentials file {str(path)!r}")


def _checked(values: Mapping[str, str], where: str) -> dict[str, str]:
    missing = [name for name, required in _KNOWN.items() if required and not values.get(name)]
    if missing:
        raise StorageError(f"{where} lack {' and '.join(missing)}")
    found = {name: values[name] for name in _KNOWN if values.get(name)}
    for name, value in found.items():
        if not isinstance(value, str):
            raise StorageError(f"{where} have a {name} that is not text")
    return found


def _read_file(path: Path) -> dict[str, str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise StorageError(f"the credentials file can't be read: {reason}", uri=str(path)) from None
    return dict(_assignments(text, path))


def _assignments(text: str, path: Path) -> Iterator[tuple[str, str]]:
    # The parser by itself: ``dotenv_values`` only warns of bad lines, and expands ``$NAME``.
    for binding in require("dotenv.parser", extra="s3").parse_stream(io.StringIO(text)):
        if _is_bad(binding):
            raise StorageError(
                "a line of the credentials file is not an assignment",
                uri=f"{path}:{_line_of(binding.original)}",
                hint="Write lines like AWS_REGION=us-east-1 or AWS_REGION='us-east-1'.",
            )
        if binding.key is not None:
            yield binding.key, binding.value


def _is_bad(binding: Any) -> bool:
    """Return whether a shell would read a line otherwise, or not at all."""
    if binding.error or binding.key is None:
        return bool(binding.error)
    if not binding.key.isidentifier() or binding.value is None:
        return True
    is_quoted = binding.original.string.partition("=")[2].lstrip().startswith(("'", '"'))
    return not is_quoted and len(binding.value.split()) > 1


def _line_of(original: Any) -> int:
    """Return the number of a statement's first line; its text begins with the blank lines."""
    blank = len(original.string) - len(original.string.lstrip())
    return int(original.line + original.string[:blank].count("\n"))
