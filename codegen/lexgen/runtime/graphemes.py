"""Extended grapheme clusters (Unicode Standard Annex 29): what people count as characters."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache
from typing import Final

from . import grapheme_table

_OTHER, _CR, _LF, _CONTROL, _EXTEND, _ZWJ, _REGIONAL, _PREPEND, _SPACING = range(9)
_L, _V, _T, _LV, _LVT, _PICTOGRAPH, _CONSONANT, _LINKER, _LETTER_LINKER = range(9, 18)

_BREAKS_ALWAYS: Final = frozenset((_CR, _LF, _CONTROL))
_EXTENDS: Final = frozenset((_EXTEND, _ZWJ, _SPACING, _LINKER))
_LINKERS: Final = frozenset((_LINKER, _LETTER_LINKER))
_HANGUL_JOINS: Final = frozenset(
    (
        *((_L, after) for after in (_L, _V, _LV, _LVT)),
        *((before, after) for before in (_LV, _V) for after in (_V, _T)),
        (_LVT, _T),
        (_T, _T),
    )
)


def count_graphemes(text: str) -> int:
    """The number of extended grapheme clusters in text."""
    count = 0
    before = -1
    regionals = 0  # regional indicators just before, which pair up to flags
    pictograph = 0  # in an emoji sequence: 1 after a pictograph, 2 once it has a joiner
    conjunct = 0  # in an Indic conjunct: 1 after a consonant, 2 once it has a linker
    for character in text:
        kind = _kind(character)
        if before == -1 or _breaks(before, kind, regionals, pictograph, conjunct):
            count += 1
        regionals = regionals + 1 if kind == _REGIONAL else 0
        if kind == _PICTOGRAPH:
            pictograph = 1
        elif kind == _ZWJ and pictograph == 1:
            pictograph = 2
        elif kind not in (_EXTEND, _LINKER) or pictograph == 2:
            pictograph = 0
        if kind == _CONSONANT:
            conjunct = 1
        elif kind in _LINKERS and conjunct:
            conjunct = 2
        elif kind not in (_EXTEND, _ZWJ) or character == "\u200c":
            conjunct = 0
        before = kind
    return count


def _breaks(before: int, after: int, regionals: int, pictograph: int, conjunct: int) -> bool:
    """Whether a cluster ends between two characters (rules GB3 to GB999)."""
    if before == _CR and after == _LF:
        return False
    if before in _BREAKS_ALWAYS or after in _BREAKS_ALWAYS:
        return True
    if after in _EXTENDS or before == _PREPEND or (before, after) in _HANGUL_JOINS:
        return False
    if conjunct == 2 and after == _CONSONANT:
        return False
    if pictograph == 2 and after == _PICTOGRAPH:
        return False
    return not (after == _REGIONAL and before == _REGIONAL and regionals % 2 == 1)


@lru_cache(maxsize=4096)
def _kind(character: str) -> int:
    code = ord(character)
    if 0xAC00 <= code <= 0xD7A3:
        return _LV if (code - 0xAC00) % 28 == 0 else _LVT
    starts, ends, kinds = _table()
    at = bisect_right(starts, code) - 1
    return kinds[at] if at >= 0 and code <= ends[at] else _OTHER


@lru_cache(maxsize=1)
def _table() -> tuple[list[int], list[int], list[int]]:
    texts = {
        _CR: "D",
        _LF: "A",
        _CONTROL: grapheme_table.CONTROL,
        _EXTEND: grapheme_table.EXTEND,
        _ZWJ: "200D",
        _REGIONAL: "1F1E6-1F1FF",
        _PREPEND: grapheme_table.PREPEND,
        _SPACING: grapheme_table.SPACING_MARK,
        _L: "1100-115F A960-A97C",
        _V: "1160-11A7 D7B0-D7C6 16D63 16D67-16D6A",
        _T: "11A8-11FF D7CB-D7FB",
        _PICTOGRAPH: grapheme_table.PICTOGRAPH,
        _CONSONANT: grapheme_table.CONSONANT,
        _LINKER: grapheme_table.LINKER,
        _LETTER_LINKER: grapheme_table.LETTER_LINKER,
    }
    kinds = {}
    for kind, text in texts.items():
        for part in text.split():
            first, _, last = part.partition("-")
            kinds[int(first, 16), int(last or first, 16)] = kind
    ranges = sorted(kinds)
    return [r[0] for r in ranges], [r[1] for r in ranges], [kinds[r] for r in ranges]
