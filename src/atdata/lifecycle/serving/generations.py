"""Append-only history of a dataset's current release and aliases.

Each change writes one file, ``catalog/{name}/{generation}.json``, with the complete state:
the current release and every alias. A file is never written again, so of two concurrent
changes one succeeds and the other is refused; and each file holds the digest of the one
before, so that history can't be rewritten unnoticed.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, dataclass, field
from types import NoneType
from typing import Any

from atdata.base.clock import now
from atdata.errors import EntryConflict, ManifestError
from atdata.lifecycle.serving.store import Store
from atdata.shards.canonical import canonical_json, parse_json
from atdata.shards.manifest import check_name

_FORMAT = 1
_LIMIT = 1 << 20
_TYPES: dict[str, tuple[type, ...]] = {
    "format_version": (int,), "name": (str,), "generation": (int,), "action": (str,), "at": (str,),
    "current": (str, NoneType), "aliases": (dict,), "previous": (str, NoneType),
}  # fmt: skip
_ALIAS = re.compile(r"[a-z][a-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Generation:
    """One state of a dataset's current release and aliases.

    Attributes:
        name: The dataset.
        number: Counted from 1; 0 is the state before the first change.
        action: What was done, such as ``"promote 1.0.0"``.
        at: The time, as text of ISO 8601 in UTC.
        current: Version of the current release; None when there is none.
        aliases: Versions by alias.
        previous: sha256 of the file of the generation before; None for the first.
    """

    name: str
    number: int = 0
    action: str = ""
    at: str = ""
    current: str | None = None
    aliases: dict[str, str] = field(default_factory=dict)
    previous: str | None = None

    @property
    def versions(self) -> set[str]:
        """All versions that it names."""
        return {*self.aliases.values(), *([self.current] if self.current else [])}

    @property
    def digest(self) -> str | None:
        """sha256 of its file; None for the state before the first change."""
        return hashlib.sha256(self.to_json()).hexdigest() if self.number else None

    def to_json(self) -> bytes:
        """Return the bytes of its file."""
        return canonical_json({"format_version": _FORMAT, **self.to_dict()})

    def to_dict(self) -> dict[str, Any]:
        """Return the generation as in reports."""
        values = asdict(self)
        return {"name": values.pop("name"), "generation": values.pop("number"), **values}

    def following(self, action: str, *, current: str | None, aliases: dict[str, str]) -> Generation:
        """Return the generation that follows this one after a change."""
        number, at = self.number + 1, now("seconds")
        return Generation(self.name, number, action, at, current, dict(aliases), self.digest)


def check_alias(alias: str) -> None:
    """Refuse text that can't be an alias: it must not look like a version.

    Raises:
        ManifestError: With the code ``MANIFEST_NAME``.
    """
    if not _ALIAS.fullmatch(alias):
        raise ManifestError(
            f"{alias[:80]!r} can't be an alias",
            hint="Use lower-case letters, digits, '_' and '-', the first a letter: stable.",
            code="MANIFEST_NAME",
        )


def history(store: Store, name: str) -> list[Generation]:
    """Return all generations of a dataset, the first first.

    Raises:
        ManifestError: The history is inconsistent; the code is ``CATALOG_BROKEN``.
    """
    check_name(name, "0.0.0")
    generations: list[Generation] = []
    before = Generation(name)
    for stat in store.objects.find(f"catalog/{name}/"):
        data = store.objects.read(stat.key, _LIMIT)
        number = before.number + 1
        generation = _parse(data or b"", stat.key)
        sound = (
            stat.key == _key(name, number)
            and generation.number == number
            and generation.name == name
            and generation.previous == before.digest
            and generation.to_json() == data
        )
        if not sound:
            raise _broken(stat.key, f"generation {number} does not follow from the one before")
        generations.append(generation)
        before = generation
    return generations


def datasets(store: Store) -> list[str]:
    """Return the names of all datasets that have releases or a history."""
    names = {stat.key.split("/")[1] for stat in store.objects.find("catalog/")}
    return sorted(names | {name for name, _ in store.releases()})


def write(store: Store, generation: Generation) -> None:
    """Add a generation.

    Raises:
        EntryConflict: Another process was faster; the code is ``CATALOG_MOVED``.
    """
    key = _key(generation.name, generation.number)
    if not store.objects.create(key, generation.to_json()):
        raise EntryConflict(
            f"generation {generation.number} of {generation.name} was written by another process",
            hint="Check the catalog again, then repeat the command.",
            code="CATALOG_MOVED",
        )


def _key(name: str, number: int) -> str:
    return f"catalog/{name}/{number:08d}.json"


def _parse(data: bytes, key: str) -> Generation:
    try:
        document = parse_json(data, limit=_LIMIT)
    except ManifestError as error:
        raise _broken(key, error.message) from None
    sound = (
        isinstance(document, dict)
        and document.keys() == _TYPES.keys()
        and all(type(document[name]) in types for name, types in _TYPES.items())
        and document["format_version"] == _FORMAT
        and all(isinstance(version, str) for version in document["aliases"].values())
    )
    if not sound:
        raise _broken(key, "not a generation")
    del document["format_version"]
    return Generation(number=document.pop("generation"), **document)


def _broken(key: str, message: str) -> ManifestError:
    return ManifestError(
        f"the catalog's {key}: {message}",
        hint="Restore the file: it was changed by something other than atdata.",
        code="CATALOG_BROKEN",
    )
