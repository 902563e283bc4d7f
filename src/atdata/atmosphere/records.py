"""Records of our own types: read with their lexicons, and brought to a wanted state."""

from __future__ import annotations

import random
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Self, TypeVar

from atdata.atmosphere.keys import AtUri
from atdata.errors import NetworkError, RecordError, XrpcError
from atdata_records import ValidationError
from atdata_records.base import Record as RecordKind

if TYPE_CHECKING:
    from atdata.atmosphere.client import AtmosphereClient
    from atdata.atmosphere.repositories import Repositories

# Each failed attempt means that another writer was faster: there is progress, and an end.
_ATTEMPTS = 100
_LONGEST_WAIT = 0.5  # seconds


K = TypeVar("K", bound=RecordKind)


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record as a repository has it.

    Attributes:
        uri: Its address.
        cid: CID of its content, as the server tells.
        value: Its content in JSON shape.
    """

    uri: AtUri
    cid: str
    value: dict[str, Any]

    @classmethod
    def from_answer(cls, answer: Any, uri: AtUri | None = None) -> Self:
        """Read one item of ``getRecord`` or ``listRecords``.

        Args:
            answer: The JSON of the server.
            uri: The address that was asked for; told by the answer when None.

        Raises:
            NetworkError: The answer is not of that form.
        """
        try:
            uri = uri or AtUri.parse(answer["uri"])
            cid, value = answer["cid"], answer["value"]
        except (KeyError, TypeError, ValueError) as error:
            raise NetworkError("the server's answer is no record", uri=str(uri or "")) from error
        if not isinstance(cid, str) or not isinstance(value, dict):
            raise NetworkError("the server's answer is no record", uri=str(uri))
        return cls(uri, cid, value)

    def read(self, kind: type[K]) -> K:
        """The record as its generated class.

        Raises:
            RecordError: Its lexicon refuses it, or its content has another CID than was told.
        """
        record = validated(kind, self.value, str(self.uri))
        if record.cid() != self.cid:
            raise RecordError(
                f"the content has the CID {record.cid()}, but the server tells {self.cid}",
                uri=str(self.uri),
            )
        return record


def validated(kind: type[K], value: dict[str, Any], uri: str | None = None) -> K:
    """The generated class of a record value.

    Raises:
        RecordError: The lexicon refuses it; every issue is told.
    """
    try:
        return kind.from_dict(value)
    except ValidationError as error:
        raise RecordError(f"not a {kind.NSID}: {error}", uri=uri) from error


def readable(
    repositories: Repositories, kind: type[K], repo: str | None, limit: int | None = None
) -> Iterator[tuple[StoredRecord, K]]:
    """The records of a repository that keep to their lexicon.

    The others are left out, each with a warning: one bad record of a stranger's must not hide
    the good ones, nor go unseen.

    Args:
        repositories: Reads them.
        kind: Their generated class.
        repo: Handle or DID; the own account when None.
        limit: How many, at most.
    """
    return islice(_readable(repositories, kind, repo), limit)


def _readable(
    repositories: Repositories, kind: type[K], repo: str | None
) -> Iterator[tuple[StoredRecord, K]]:
    for found in repositories.records(kind.NSID, repo):
        try:
            record = found.read(kind)
        except RecordError as error:
            warnings.warn(f"left out of the listing: {error}", stacklevel=2)
            continue
        yield found, record


def settle(
    client: AtmosphereClient,
    uri: AtUri,
    decide: Callable[[StoredRecord | None], RecordKind | None],
) -> AtUri:
    """Bring the record at an address to the state that ``decide`` wants.

    Two requests at most when there is no other writer. The write holds only if the record is still
    the one that was decided about; otherwise the decision is taken again.

    Args:
        client: A client that is logged in.
        uri: The record's address, in the client's repository.
        decide: Given what is there, the record that should be; None when it may stay.

    Returns:
        The address.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        found = client.find_record(uri)
        wanted = decide(found)
        if wanted is None:
            break
        try:
            client.put_record(
                uri.collection, uri.rkey, wanted.to_dict(), swap_record=found.cid if found else None
            )
            break
        except XrpcError as error:
            if error.code != "InvalidSwap" or attempt == _ATTEMPTS:
                raise
        # Writers that wait for different times don't meet again.
        time.sleep(random.uniform(0, min(_LONGEST_WAIT, 0.02 * attempt)))  # noqa: S311
    return uri


def now() -> str:
    """The time, as an RFC 3339 datetime with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
