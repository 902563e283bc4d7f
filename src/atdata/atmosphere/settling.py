"""Writing a record to a wanted state while others write to it at the same time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from atdata.atmosphere.client import AtmosphereClient
from atdata.atmosphere.keys import AtUri
from atdata.atmosphere.records import StoredRecord
from atdata.errors import XrpcError
from atdata_records.base import Record as RecordKind

# Each failed attempt means that another writer succeeded, so the attempts do end.
_ATTEMPTS = 100
_LONGEST_WAIT = 0.5  # seconds


def settle(
    client: AtmosphereClient,
    uri: AtUri,
    decide: Callable[[StoredRecord | None], RecordKind | None],
) -> AtUri:
    """Bring the record at an address to the state that ``decide`` wants.

    Make two requests at most when there is no other writer. The write succeeds only if the record
    is still the one that ``decide`` was given; otherwise ``decide`` is called again.

    Args:
        client: A client that is logged in.
        uri: The record's address, in the client's repository.
        decide: Given the current record, returns the wanted one; None when it may stay.

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
        # Writers that wait for different times don't collide again.
        time.sleep(random.uniform(0, min(_LONGEST_WAIT, 0.02 * attempt)))  # noqa: S311
    return uri
