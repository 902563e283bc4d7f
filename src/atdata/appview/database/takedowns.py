"""Subjects of takedowns: only what can be resolved is taken down."""

from __future__ import annotations

from atdata.appview.database.protocol import Database
from atdata.appview.database.reading import Reading
from atdata.appview.events import TABLES, row_key
from atdata.atmosphere.keys import AtUri
from atdata.errors import EntryNotFound, UrlError
from atdata_records import formats


def find_subject(database: Database, text: str, *, ahead: bool = False) -> str:
    """Return the DID, or the AT URI with a DID, that a text names.

    Args:
        database: Contains the repositories and records.
        text: A DID or handle, with or without ``at://``, or the URI of a record.
        ahead: Accept also a DID or a record that is not known yet.

    Raises:
        UrlError: It can't be a repository or a record of a kind that is shown.
        EntryNotFound: It is not known here.
    """
    subject = _subject(database, text)
    if not ahead and not _is_known(database, subject):
        raise EntryNotFound(
            f"{subject} is not known to this service",
            hint="Check the spelling, or pass --ahead to hide it when it appears.",
        )
    return subject


def find_takedown(database: Database, text: str) -> str:
    """Return the subject of a takedown.

    Raises:
        UrlError: The text can't be the subject of a takedown.
        EntryNotFound: It is not taken down.
    """
    # As it was recorded, even if it can't be resolved.
    if _is_taken_down(database, text):
        return text
    subject = _subject(database, text)
    if _is_taken_down(database, subject):
        return subject
    raise EntryNotFound(f"{text} is not taken down", hint="Give the subject of the takedown.")


def _is_taken_down(database: Database, subject: str) -> bool:
    return bool(database.read("SELECT 1 FROM takedowns WHERE subject = ?", (subject,)))


def _subject(database: Database, text: str) -> str:
    authority, _, path = text.strip().removeprefix("at://").partition("/")
    did = Reading(database).did_of(authority) if _is_account(authority) else None
    if did is None:
        if not _is_account(authority):
            raise UrlError(
                f"{text!r:.200} is not a DID, a handle, or the at:// URI of a record",
                hint="Give the address that the dataset's page shows.",
            )
        raise EntryNotFound(
            f"the handle {authority} is not known to this service, or belongs to several accounts",
            hint="Give the account's DID.",
        )
    if not path:
        return did
    uri = AtUri.parse(f"at://{did}/{path}")
    if uri.collection not in TABLES:
        raise UrlError(
            f"records of {uri.collection} are not shown by this service",
            hint=f"Give a record of {' or '.join(TABLES)}.",
        )
    return str(uri)


def _is_account(text: str) -> bool:
    return formats.is_did(text) or formats.is_handle(text.removeprefix("@").lower())


def _is_known(database: Database, subject: str) -> bool:
    if formats.is_did(subject):
        return bool(database.read("SELECT 1 FROM repos WHERE did = ?", (subject,)))
    uri = AtUri.parse(subject)
    table = TABLES[uri.collection]
    where = "WHERE did = ? AND rkey = ?"
    return any(
        database.read(f"SELECT 1 FROM {name} {where}", (uri.authority, key))
        for name, key in ((table, row_key(uri.collection, uri.rkey)), ("refused", uri.rkey))
    )
