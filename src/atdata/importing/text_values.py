"""The values that text means: which type all texts of a column have, and the values themselves.

==================  =======================================================================
type                texts
==================  =======================================================================
``bool``            ``true`` and ``false``, also ``True`` and ``TRUE``
``int``             decimal digits with a sign or none, without leading zeros, of 64 bits
``float``           the same with a decimal point or exponent, ``nan``, ``inf``; and integers
                    below 2**53
``date``            ``2026-01-31``
``datetime``        ``2026-01-31T12:00:00``, with a space for ``T``, fractions, or a zone
``str``             any other; a column with one such text is text, unchanged
==================  =======================================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Optional

_INT = re.compile(r"\+?0|[+-]?[1-9][0-9]{0,19}")  # not -0, which only a float holds
_FLOAT = re.compile(r"[+-]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_NO_NUMBER = {"nan", "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATETIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
    r"(?:Z|[+-][0-9]{2}:[0-9]{2})?"
)
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_LONGEST = 400  # characters of a number
_INEXACT = 2**53  # floats don't hold all integers from here on


def to_bool(text: str) -> bool:
    """Return the bool that a text means.

    Raises:
        ValueError: It means none.
    """
    if text not in _BOOLS:
        raise ValueError(text)
    return _BOOLS[text]


def to_int(text: str) -> int:
    """Return the integer of 64 bits that a text means.

    Raises:
        ValueError: It means none.
    """
    if not _INT.fullmatch(text) or not -(2**63) <= (number := int(text)) < 2**64:
        raise ValueError(text)
    return number


def to_float(text: str) -> float:
    """Return the float that a text means.

    Raises:
        ValueError: It means none, or one that is too large, or an integer that may not be exact.
    """
    if text.lower() in _NO_NUMBER:
        return float(text)
    if len(text) > _LONGEST or not _FLOAT.fullmatch(text):
        raise ValueError(text)
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(text)
    if abs(number) >= _INEXACT and _INT.fullmatch(text):
        raise ValueError(text)
    return number


def _matching(form: re.Pattern[str], read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a function that reads text of a form; ``ValueError`` for other text."""

    def convert(text: str) -> Any:
        if not form.fullmatch(text):
            raise ValueError(text)
        return read(text)

    return convert


CONVERTERS: dict[type, Callable[[str], Any]] = {
    bool: to_bool,
    int: to_int,
    float: to_float,
    date: _matching(_DATE, date.fromisoformat),
    datetime: _matching(_DATETIME, datetime.fromisoformat),
}
"""The function from a text to a value of each type, in the order in which types are preferred."""


class Guess:
    """The type of a column, as its texts are seen one after the other."""

    __slots__ = ("_left", "has_gaps", "has_text")

    def __init__(self) -> None:
        self._left = list(CONVERTERS)
        self.has_gaps = self.has_text = False

    def see(self, text: str) -> None:
        """Take one more text; an empty one is a missing value, unless all is text."""
        if not text:
            self.has_gaps = True
            return
        self.has_text = True
        for kind in tuple(self._left):
            try:
                CONVERTERS[kind](text)
            except ValueError:
                self._left.remove(kind)

    @property
    def type(self) -> type:
        """The first type that holds all texts; ``str`` if none does, or there are none."""
        return self._left[0] if self._left and self.has_text else str

    @property
    def annotation(self) -> Any:
        """The annotation of the column: the type, or None too if texts were missing."""
        kind = self.type
        return Optional[kind] if self.has_gaps and kind is not str else kind  # noqa: UP045
