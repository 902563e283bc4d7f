"""The string formats of the Lexicon language: each a function from text to bool.

Grammar: AT Protocol specifications (handle, DID, NSID, record key, TID, AT URI, datetime),
RFC 3986 for URIs in general form and RFC 5646 for languages. All are matched in full, in ASCII.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

__all__ = [
    "FORMATS",
    "is_at_identifier",
    "is_at_uri",
    "is_cid",
    "is_datetime",
    "is_did",
    "is_handle",
    "is_language",
    "is_nsid",
    "is_record_key",
    "is_tid",
    "is_uri",
]


def _full(pattern: str) -> Callable[[str], re.Match[str] | None]:
    return re.compile(pattern, re.ASCII).fullmatch


# Possessive throughout (``++``): a match never has to be sought in a second way.
_LABEL = "(?!-)[a-zA-Z0-9-]{1,63}+(?<!-)"
_HANDLE = rf"(?:{_LABEL}\.)++(?=[a-zA-Z]){_LABEL}"
_DID = "did:[a-z]++:[a-zA-Z0-9._:%-]++(?<![:%])"
_NSID = rf"(?=[a-zA-Z])(?:{_LABEL}\.){{2,}}+[a-zA-Z][a-zA-Z0-9]{{0,62}}+"
_RECORD_KEY = r"(?!\.\.?\Z)[a-zA-Z0-9_~.:-]{1,512}+"

_handle = _full(_HANDLE)
_did = _full(_DID)
_nsid = _full(_NSID)
_record_key = _full(_RECORD_KEY)
_tid = _full("[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}")
_at_uri = _full(
    f"at://(?P<did>{_DID}|(?P<handle>{_HANDLE}))(?:/(?P<nsid>{_NSID})(?:/{_RECORD_KEY})?)?"
)
_cid = _full("(?!Qm)[a-zA-Z0-9+=]{8,256}")
_uri = _full("[a-zA-Z][a-zA-Z0-9+.-]*:[!-~]+")
_datetime = _full(
    r"[0-9]{4}-(?:"
    r"(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])"
    r"|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31|02-29)"
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?"
    r"(?:Z|\+(?:[01][0-9]|2[0-3]):[0-5][0-9]|-(?!00:00)(?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_language = _full(
    r"(?P<private>[xX](?:-[a-zA-Z0-9]{1,8})+)"
    # The primary language is in lower case; four letters are reserved.
    r"|(?:[a-z]{2,3}|[a-z]{5,8})(?i:(?:-[a-z]{3}){0,3}"
    r"(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?"
    r"(?P<variants>(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*)"
    r"(?P<extensions>(?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)*)"
    r"(?:-x(?:-[a-z0-9]{1,8})+)?)"
)
_IRREGULAR_LANGUAGES: Final = frozenset(
    (
        *("en-gb-oed", "sgn-be-fr", "sgn-be-nl", "sgn-ch-de"),
        *("i-ami", "i-bnn", "i-default", "i-enochian", "i-hak", "i-klingon", "i-lux", "i-mingo"),
        *("i-navajo", "i-pwn", "i-tao", "i-tay", "i-tsu"),
    )
)


def is_handle(text: str) -> bool:
    """A domain name, at most 253 characters."""
    return len(text) <= 253 and _handle(text) is not None


def is_did(text: str) -> bool:
    """A decentralized identifier, at most 2,048 characters."""
    return len(text) <= 2048 and _did(text) is not None


def is_at_identifier(text: str) -> bool:
    """A DID or a handle."""
    return is_did(text) if text.startswith("did:") else is_handle(text)


def is_nsid(text: str) -> bool:
    """A namespaced identifier, at most 317 characters."""
    return len(text) <= 317 and _nsid(text) is not None


def is_record_key(text: str) -> bool:
    """A key of a record, at most 512 characters."""
    return _record_key(text) is not None


def is_tid(text: str) -> bool:
    """A timestamp identifier: 13 characters."""
    return _tid(text) is not None


def is_at_uri(text: str) -> bool:
    """``at://authority[/collection[/record key]]``, at most 8,192 characters."""
    if len(text) > 8192:
        return False
    match = _at_uri(text)
    if match is None:
        return False
    if len(text) <= 253:  # no part can be over its own limit
        return True
    authority, handle, nsid = match["did"], match["handle"], match["nsid"]
    limit = 2048 if handle is None else 253
    return len(authority) <= limit and (nsid is None or len(nsid) <= 317)


def is_cid(text: str) -> bool:
    """Text in the form of a CID of any kind but version 0."""
    return _cid(text) is not None


def is_datetime(text: str) -> bool:
    """A date and time with time zone, of the real calendar, at most 64 characters."""
    if len(text) > 64 or _datetime(text) is None:
        return False
    if text[:4] == "0000" and text[5:10] == "01-01" and text[-6] == "+":
        # Before year 0 in UTC.
        return text[11:16] >= text[-5:]
    return text[5:10] != "02-29" or _is_leap(int(text[:4]))


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def is_uri(text: str) -> bool:
    """A scheme, a colon and at least one printable character; at most 8,192 characters."""
    return len(text) <= 8192 and _uri(text) is not None


def is_language(text: str) -> bool:
    """A well-formed BCP 47 tag, at most 128 characters, with nothing in it twice."""
    if len(text) > 128:
        return False
    match = _language(text)
    if match is None:
        return text.lower() in _IRREGULAR_LANGUAGES
    if match["private"]:
        return True
    variants = match["variants"].lower().split("-")[1:]
    singletons = [part for part in match["extensions"].lower().split("-") if len(part) == 1]
    return len(set(variants)) == len(variants) and len(set(singletons)) == len(singletons)


FORMATS: Final[dict[str, Callable[[str], bool]]] = {
    "at-identifier": is_at_identifier,
    "at-uri": is_at_uri,
    "cid": is_cid,
    "datetime": is_datetime,
    "did": is_did,
    "handle": is_handle,
    "language": is_language,
    "nsid": is_nsid,
    "record-key": is_record_key,
    "tid": is_tid,
    "uri": is_uri,
}
