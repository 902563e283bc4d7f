"""The interface of an index's database: rows of text, by key and in order.

A backend uses only the keys of entries and schemas, so both backends stay small and one
conformance test checks that they behave alike. Every method is atomic, also against other
processes, and writes nothing when it raises.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol


class EntryRow(NamedTuple):
    """A stored entry: its name, its CID, and the entry as JSON text."""

    name: str
    cid: str
    text: str


class SchemaRow(NamedTuple):
    """A stored schema: ``{name}@{version}``, and its record as JSON text."""

    key: str
    text: str


class Backend(Protocol):
    """A database of entries and schemas. Keys are ordered by their UTF-8 bytes."""

    @property
    def folder(self) -> Path | None:
        """The folder of the database; None if it is on a server, which machines may share."""
        ...

    def entry(self, name: str) -> EntryRow | None:
        """Return the entry of this name, or None, in constant time."""
        ...

    def entry_of(self, cid: str) -> EntryRow | None:
        """Return the first entry, by name, with this CID, or None, in constant time."""
        ...

    def entries(self, after: str, count: int) -> list[EntryRow]:
        """Return at most ``count`` entries that follow the name ``after``, in order."""
        ...

    def put_entry(self, row: EntryRow, *, before: EntryRow | None) -> bool:
        """Write a row if ``before`` is what the index holds for its name; return whether it was."""
        ...

    def drop_entry(self, row: EntryRow) -> bool:
        """Remove a row if it is what the index holds for its name; return whether it was."""
        ...

    def schema(self, key: str) -> SchemaRow | None:
        """Return the schema of this key, or None, in constant time."""
        ...

    def schemas(self, after: str, count: int) -> list[SchemaRow]:
        """Return at most ``count`` schemas that follow the key ``after``, in order."""
        ...

    def versions(self, name: str) -> list[str]:
        """Return the versions of the schema ``name``, in the order of their text."""
        ...

    def add_schema(self, row: SchemaRow) -> bool:
        """Write a schema unless its key is taken; return whether it was written."""
        ...

    def close(self) -> None:
        """Close connections. The backend opens them again when it is used again."""
        ...
