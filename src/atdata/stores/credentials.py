"""S3 credentials from a dict or an env file. Their values never reach an error or a log."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from atdata.errors import StorageError

# Name of the variable -> whether it is required.
_KNOWN = {
    "AWS_ACCESS_KEY_ID": True,
    "AWS_SECRET_ACCESS_KEY": True,
    "AWS_ENDPOINT": False,
    "AWS_REGION": False,
    "AWS_SESSION_TOKEN": False,
}
# KEY=value, KEY='value' or KEY="value"; a comment follows a space.
_ASSIGNMENT = re.compile(
    r"""(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(?:'([^']*)'|"([^"]*)"|([^\s'"#]\S*)?)\s*(?:\s\#.*)?"""
)


def read_credentials(given: Mapping[str, str] | str | os.PathLike[str]) -> dict[str, str]:
    """Return the credentials, under the names of their environment variables.

    ``AWS_ACCESS_KEY_ID`` and ``AWS_SECRET_ACCESS_KEY`` are always there, ``AWS_ENDPOINT``,
    ``AWS_REGION`` and ``AWS_SESSION_TOKEN`` if they were given.

    Args:
        given: A mapping with these keys, or the path of an env file: lines ``KEY=VALUE``,
            with or without ``export``, quotes and ``# comments``. Other keys are ignored.

    Raises:
        StorageError: The file can't be read, a line of it can't be understood, or a key is
            missing. The message has the line's number, never its text.
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
            raise StorageError(f"{where} have a {name} that is no text")
    return found


def _read_file(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise StorageError(f"the credentials file can't be read: {reason}", uri=str(path)) from None
    return dict(
        _assignment(line.strip(), f"{path}:{number}")
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.lstrip().startswith("#")
    )


def _assignment(line: str, place: str) -> tuple[str, str]:
    match = _ASSIGNMENT.fullmatch(line)
    if match is None:
        raise StorageError(
            "a line of the credentials file can't be understood",
            uri=place,
            hint="Lines look like AWS_REGION=us-east-1 or AWS_REGION='us-east-1'.",
        )
    name, *values = match.groups()
    return name, next((value for value in values if value is not None), "")
