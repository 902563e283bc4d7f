"""What an index needs of the database below it: rows of text, by key and in order.

A backend knows nothing of entries and schemas but their keys, so both backends stay small and
one conformance test holds them to the same behaviour. Every method is atomic, also against other
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
        """The folder of the database; None when it is on a server, which machines may share."""
        ...

    def entry(self, name: str) -> EntryRow | None:
        """The entry of this name, in constant time."""
        ...

    def entry_of(self, cid: str) -> EntryRow | None:
        """The first entry, by name, of those with this CID, in constant time."""
        ...

    def entries(self, after: str, count: int) -> list[EntryRow]:
        """At most ``count`` entries that follow the name ``after``, in order."""
        ...

    def put_entry(self, row: EntryRow, *, before: EntryRow | None) -> bool:
        """Write a row if ``before`` is what the index holds for its name; tell whether it was."""
        ...

    def schema(self, key: str) -> SchemaRow | None:
        """The schema of this key, in constant time."""
        ...

    def schemas(self, after: str, count: int) -> list[SchemaRow]:
        """At most ``count`` schemas that follow the key ``after``, in order."""
        ...

    def versions(self, name: str) -> list[str]:
        """The versions of the schema ``name``, in the order of their text."""
        ...

    def add_schema(self, row: SchemaRow) -> bool:
        """Write a schema unless its key is taken; tell whether it was written."""
        ...

    def close(self) -> None:
        """Let go of connections. The backend opens them again when it is used again."""
        ...
