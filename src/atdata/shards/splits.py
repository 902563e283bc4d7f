"""``splits.json``: the splits of a dataset, each a build root in a folder of its name.

A dataset without named splits is one build root and has no such file. The form is canonical JSON:
``{"format_version":1,"splits":["test","train"]}``.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from atdata.base.disk import write_file
from atdata.base.names import check_dataset_name
from atdata.errors import ManifestError
from atdata.shards.canonical import canonical_json, parse_json

SPLITS_NAME = "splits.json"
_VERSION = 1
_MAX_BYTES = 1 << 20


def write_splits(folder: Path, splits: Iterable[str]) -> None:
    """Write the names of the splits of a folder.

    Raises:
        ManifestError: A name can't be that of a folder.
        OSError: The disk refuses.
    """
    names = list(splits)
    for name in names:
        check_dataset_name(name, ManifestError)
    document = {"format_version": _VERSION, "splits": names}
    write_file(folder / SPLITS_NAME, canonical_json(document))


def read_splits(folder: Path) -> tuple[str, ...] | None:
    """Return the names of the splits of a folder, in order; None for one without splits.

    Raises:
        ManifestError: The file is not sound.
    """
    path = folder / SPLITS_NAME
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    document = parse_json(data, limit=_MAX_BYTES)
    if not isinstance(document, dict) or document.get("format_version") != _VERSION:
        raise ManifestError("not a list of splits of this version", uri=str(path))
    names = document.get("splits")
    if not isinstance(names, list) or not names or not all(isinstance(one, str) for one in names):
        raise ManifestError("the splits are not a list of names", uri=str(path))
    for name in names:
        check_dataset_name(name, ManifestError, uri=str(path))
    if len({name.casefold() for name in names}) != len(names):
        raise ManifestError("a split is listed twice", uri=str(path))
    return tuple(names)
