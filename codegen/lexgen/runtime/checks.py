"""What generated readers call when a value is not plainly right.

Readers decide the common case in line. They come here to measure what is not ASCII, to read
the forms that JSON lacks, and to report what is wrong.
"""

from __future__ import annotations

from typing import Any, Final

from .data import MAX_DEPTH, read_data, read_entries
from .errors import Issues, add, nest, only, shown
from .graphemes import count_graphemes
from .values import UnknownVariant

__all__ = [
    "MOST",
    "add",
    "bad_format",
    "check_integer",
    "check_length",
    "check_text",
    "check_type",
    "expected",
    "nest",
    "not_allowed",
    "not_an_object",
    "read_entries",
    "read_variant",
    "refused_variant",
]

Path = tuple[str | int, ...]

MOST: Final = 2**63


def expected(issues: Issues | None, parts: Path, what: str, value: object) -> Issues:
    """The value is of another kind."""
    return add(issues, parts, "type", f"expected {what}, not {shown(value)}")


def not_an_object(value: object, depth: int) -> Issues:
    """The value can't be read as an object."""
    if type(value) is dict and depth > MAX_DEPTH:
        return only("depth", f"nested deeper than {MAX_DEPTH} levels")
    return only("type", f"expected an object, not {shown(value)}")


def check_text(
    text: str,
    min_length: int = 0,
    max_length: int = MOST,
    min_graphemes: int = 0,
    max_graphemes: int = MOST,
) -> tuple[str, str] | None:
    """Measure a string in full: lengths are in bytes of UTF-8, graphemes are what people count.

    Returns the code and message of what is wrong, or None.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return "unicode", "the string holds half a surrogate pair"
    if size > max_length:
        return "max-length", f"{size} bytes are more than {max_length}"
    if size < min_length:
        return "min-length", f"{size} bytes are fewer than {min_length}"
    if len(text) <= max_graphemes and min_graphemes == 0:
        return None
    count = count_graphemes(text)
    if count > max_graphemes:
        return "max-graphemes", f"{count} graphemes are more than {max_graphemes}"
    if count < min_graphemes:
        return "min-graphemes", f"{count} graphemes are fewer than {min_graphemes}"
    return None


def not_allowed(
    issues: Issues | None, parts: Path, code: str, value: object, allowed: tuple[object, ...]
) -> Issues:
    """A value that is not the constant, or none of the enumeration."""
    wanted = ", ".join(shown(one) for one in allowed[:10])
    return add(issues, parts, code, f"{shown(value)} is not {wanted}")


def bad_format(issues: Issues | None, parts: Path, name: str, text: str) -> Issues:
    """A string that is not in its format."""
    return add(issues, parts, "format", f"{shown(text)} is not a valid {name}")


def check_integer(issues: Issues | None, parts: Path, value: int, low: int, high: int) -> Issues:
    """An integer is out of its range."""
    if not -MOST <= value < MOST:
        return add(issues, parts, "integer-range", "does not fit into a signed 64-bit integer")
    if value < low:
        return add(issues, parts, "minimum", f"{value} is less than {low}")
    return add(issues, parts, "maximum", f"{value} is more than {high}")


def check_length(
    issues: Issues | None, parts: Path, length: int, low: int, high: int, what: str
) -> Issues:
    """An array or bytes are too short or too long."""
    if length < low:
        return add(issues, parts, "min-length", f"{length} {what} are fewer than {low}")
    return add(issues, parts, "max-length", f"{length} {what} are more than {high}")


def check_type(
    issues: Issues | None, name: Any, expected_name: str, lenient: bool, required: bool
) -> Issues | None:
    """A ``$type`` that is not, literally, the expected one."""
    if name == expected_name:
        return issues
    if name is None and required:
        return add(issues, ("$type",), "required", f"expected {expected_name}")
    if lenient and name == f"{expected_name}#main" and "#" not in expected_name:
        return issues
    return add(issues, ("$type",), "type-name", f"expected {expected_name}, not {shown(name)}")


def read_variant(value: dict[str, Any], depth: int, lenient: bool) -> Any:
    """Read a member of an open union whose ``$type`` the reader does not know."""
    name = value.get("$type")
    if type(name) is not str or not name or name == "blob":
        if "$type" not in value:
            return add(None, ("$type",), "required", "a member of a union names its type")
        return add(None, ("$type",), "type-name", f"{shown(name)} is not the type of an object")
    if name.endswith("#main") and not lenient:
        return add(None, ("$type",), "type-name", f"{shown(name)} must be written without #main")
    if "$link" in value or "$bytes" in value:
        return only("type", "expected an object, not a link or bytes")
    data = read_data(value, depth)
    return data if type(data) is Issues else UnknownVariant(data)


def refused_variant(value: dict[str, Any]) -> Issues:
    """An object that is not a member of a closed union."""
    if "$type" not in value:
        return add(None, ("$type",), "required", "a member of a union names its type")
    name = shown(value["$type"])
    return add(None, ("$type",), "union", f"{name} is not a member of this closed union")
