"""Events of the network that the AppView handles.

Every source of events (firehose, Jetstream, listings) yields these.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from atdata_records import formats
from atdata_records.ac.foundation.dataset.record import Record
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema

_DIGITS = "234567abcdefghijklmnopqrstuvwxyz"  # of a revision: the time in base 32, sortable
_CLOCK_BITS = 10  # after the microseconds, the number of a clock
_AHEAD = 600.0  # seconds that the clock of a server may be ahead of this one

TABLES: Final = {
    Record.NSID: "datasets",
    SampleSchema.NSID: "schemas",
    # Of the earlier implementation; kept in the form of atdata's.
    "science.alt.dataset.entry": "datasets",
    "science.alt.dataset.schema": "schemas",
    "ac.foundation.dataset.schema": "schemas",
}
"""The record types that are kept, and the table of each."""
COLLECTIONS: Final = tuple(TABLES)
_OWN: Final = (Record.NSID, SampleSchema.NSID)
_MARK = "!"  # is in no record key, and in no collection


def row_key(collection: str, rkey: str) -> str:
    """Return the key of a record in its table: collections of others are a part of it."""
    return rkey if collection in _OWN else f"{collection}{_MARK}{rkey}"


def record_path(key: str, own: str) -> str:
    """Return ``{collection}/{record key}`` of a key from ``row_key``; ``own`` is atdata's."""
    collection, _, rkey = key.rpartition(_MARK)
    return f"{collection or own}/{rkey}"


@dataclass(frozen=True, slots=True)
class Write:
    """One record written or deleted.

    Attributes:
        collection: Its type; one of ``COLLECTIONS``.
        rkey: Its key.
        cid: CID of its content; None when it was deleted.
        content: Its content, as DAG-CBOR or in JSON shape; None when it was deleted.
    """

    collection: str
    rkey: str
    cid: str | None = None
    content: bytes | dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    """A repository's new state.

    Attributes:
        did: The repository.
        rev: Its revision; later ones are greater.
        writes: What changed, of the record types that are kept.
    """

    did: str
    rev: str
    writes: tuple[Write, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """A change that the event does not describe: the repository must be read again."""

    did: str
    rev: str


@dataclass(frozen=True, slots=True)
class AccountChange:
    """The status of an account: ``"active"``, ``"deactivated"``, ``"takendown"``, …."""

    did: str
    status: str


@dataclass(frozen=True, slots=True)
class IdentityChange:
    """An account's handle or server may have changed."""

    did: str


Change: TypeAlias = Commit | Gap | AccountChange | IdentityChange


@dataclass(frozen=True, slots=True)
class Event:
    """One message of a stream.

    Attributes:
        position: Where the stream resumes after it.
        change: What happened; None if nothing that is kept changed.
        size: Approximate number of bytes that it takes in memory.
    """

    position: int
    change: Change | None
    size: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """One unreadable message of a stream: it is skipped, and kept for inspection.

    Attributes:
        position: Where the stream resumes after it; None when the position can't be read.
        reason: What is wrong with it.
        message: Its bytes.
    """

    position: int | None
    reason: str
    message: bytes

    @property
    def size(self) -> int:
        """Approximate number of bytes that it takes in memory."""
        return len(self.message)


def checked_rev(value: object) -> str:
    """Return a revision of a repository.

    Raises:
        ValueError: It is not one, or is in the future: later revisions would be ignored.
    """
    if not (isinstance(value, str) and formats.is_tid(value)):
        raise ValueError(f"{value!r:.80} is not a revision")
    ticks = 0
    for digit in value:
        ticks = ticks << 5 | _DIGITS.index(digit)
    if (ticks >> _CLOCK_BITS) / 1e6 > time.time() + _AHEAD:
        raise ValueError(f"the revision {value} is in the future")
    return value


def checked_position(value: object) -> int:
    """Return a position in a stream.

    Raises:
        ValueError: It is not an integer that a database can hold.
    """
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError(f"{value!r:.80} is not a position in a stream")
    return value
