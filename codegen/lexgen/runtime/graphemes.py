"""Extended grapheme clusters (Unicode Standard Annex 29): what people count as characters."""

from __future__ import annotations

from unicodedata import category


def count_graphemes(text: str) -> int:
    """The number of extended grapheme clusters in text."""
    return sum(1 for character in text if category(character) not in ("Mn", "Me"))
