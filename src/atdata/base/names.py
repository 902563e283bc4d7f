"""The names that datasets can have, and file names that are valid on every system.

One rule for datasets holds wherever one gets its name: in an index, in ``dataset.json``, in a pack,
in a release, and in a published record. A name becomes a folder or a part of an object's key, a
record's key, and a part of a URL, on machines of every kind. So it is one part of a path that
Windows can hold as well, in Unicode's composed form (NFC: macOS and Linux would not agree on
others), and short enough for a record's key, in which three characters stand for each byte that is
not plain. Apart from that, it is what people call their data, in any language.

Datasets that have other names already are still read; ``LocalIndex.rename_dataset`` gives them new
ones.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from atdata.errors import AtdataError, EntryError

# Devices, whatever follows the first dot, in any case: bytes written to NUL.tar are lost.
_DEVICE = re.compile(r"(?i)^(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³])(?= *(?:\.|$))")
_END = re.compile(r"[. ]$")  # Windows drops these
_REFUSED = re.compile(r'[\x00-\x1f<>:"/\\|?*]')

_MOST_CHARACTERS = 128
_MOST_BYTES = 170  # a third of a record key
_PLAIN = " ._-"
_RULE = (
    f"A name has at most {_MOST_CHARACTERS} characters ({_MOST_BYTES} bytes): letters and digits "
    "of any language, spaces, '.', '_' and '-'."
)


def check_dataset_name(
    name: str, error: type[AtdataError] = EntryError, *, is_new: bool = True, **place: Any
) -> None:
    """Refuse what can't name a dataset.

    Args:
        name: The name.
        error: The error to raise.
        is_new: Refuse also a name that Windows could not hold.
        place: Where it stands, for the error.

    Raises:
        AtdataError: ``error``, with what is wrong, a name to use instead, and the rule.
    """
    issue = _issue(name, is_new=is_new)
    if issue is not None:
        raise error(
            f"{name!r:.200} can't name a dataset: {issue}",
            hint=f"Call it {suggested_name(str(name))!r}, for example. {_RULE}",
            **place,
        )


def suggested_name(text: str) -> str:
    """Return a name that a dataset can have: this text, if it is one, or one made from it."""
    if _issue(text, is_new=True) is None:
        return text
    composed = unicodedata.normalize("NFC", text)
    words = "".join(char if _is_allowed(char) else "/" for char in composed)
    name = re.sub(r"\.+", ".", re.sub("/+", "-", words)).strip("-. ")
    while name and not _is_letter(name[0]):
        name = name[1:]
    name = portable(name)[:_MOST_CHARACTERS]
    while len(name.encode()) > _MOST_BYTES:
        name = name[:-1]
    return name.rstrip(". ") or "dataset"


def _issue(name: object, *, is_new: bool) -> str | None:
    """Return what is wrong with a name; None if nothing is."""
    if not isinstance(name, str) or not name:
        return "it is not a text" if name != "" else "it is empty"
    refused = sorted({char for char in name if not _is_allowed(char)})
    if refused:
        return f"it contains {', '.join(map(ascii, refused[:3]))}"
    if not _is_letter(name[0]):
        return "its first character is not a letter or digit"
    if ".." in name:
        return "it contains '..'"
    if len(name) > _MOST_CHARACTERS or len(name.encode()) > _MOST_BYTES:
        return f"it has {len(name)} characters, {len(name.encode())} bytes"
    if not unicodedata.is_normalized("NFC", name):
        return "it is not in Unicode's composed form (NFC)"
    return "Windows can't hold a folder of that name" if is_new and not is_portable(name) else None


def _is_allowed(char: str) -> bool:
    return char in _PLAIN or _is_letter(char) or unicodedata.category(char)[0] == "M"


def _is_letter(char: str) -> bool:
    return unicodedata.category(char)[0] in "LN"


def is_portable(name: str) -> bool:
    """Return whether files can have this name on every system; it is one part of a path."""
    return not (_DEVICE.match(name) or _END.search(name) or _REFUSED.search(name))


def portable(name: str) -> str:
    """Return a name that files can have on every system: this one, if it is such a name."""
    plain = _END.sub("-", _REFUSED.sub("-", name))
    return _DEVICE.sub(lambda device: f"{device[0]}-", plain)
