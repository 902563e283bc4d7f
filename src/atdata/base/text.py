"""Text of unknown origin, made safe for a terminal, a log or a page of JSON.

Control characters can set a terminal's title and clipboard, clear it, and forge lines.
Bidirectional controls can make a name look like another one.
"""

from __future__ import annotations

import re

# Control characters (C0, DEL, C1), line and paragraph separators, bidirectional and other
# invisible formatting, tags, and surrogates, which no encoder takes. The joiners U+200C and
# U+200D stay: scripts and emoji need them.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def one_line(text: str) -> str:
    r"""Return the text with each unsafe character written as its escape, such as ``\x1b``."""
    return _UNSAFE.sub(lambda found: _escape(found[0]), text)


def safe_text(text: str) -> str:
    """Return the text as :func:`one_line` does, but keep its line ends and tabs."""
    return _UNSAFE.sub(lambda found: found[0] if found[0] in "\n\t" else _escape(found[0]), text)


def safe_json(document: str) -> str:
    r"""Return a JSON document of the same value, with unsafe characters written as ``\uXXXX``.

    Args:
        document: JSON whose strings hold no raw control characters below U+0020, as RFC 8259
            demands and ``json.dumps`` writes it. Line ends between tokens are kept.
    """
    return _UNSAFE.sub(lambda found: found[0] if found[0] in "\n\t" else _units(found[0]), document)


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _units(character: str) -> str:
    """Return the character's UTF-16 code units, as JSON escapes them."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
