"""What can be wrong with a value, and where.

Codes are stable: tools may match on them. A message is for people and may change.
"""

from __future__ import annotations

CODES = (
    "accept",  # a blob of a media type that the lexicon does not accept
    "blob",  # not a blob: keys, reference or size
    "bytes",  # not {"$bytes": base64}
    "cbor",  # not DAG-CBOR
    "const",  # another value than the only one allowed
    "depth",  # nested too deeply
    "entries",  # too many entries in a container
    "enum",  # none of the values allowed
    "float",  # AT Protocol data has no floats
    "format",  # a string that is not in the named format
    "integer-range",  # does not fit into 64 bits, signed
    "json",  # not JSON
    "key",  # a key that is not a string, too long or reserved
    "link",  # not {"$link": cid}
    "max-graphemes",
    "max-length",
    "max-size",  # a blob that is too large
    "maximum",
    "min-graphemes",
    "min-length",
    "minimum",
    "null",  # null where the lexicon does not allow it
    "record-size",  # the record as a whole is too large
    "required",  # a field is missing
    "type",  # another kind of value
    "type-name",  # a $type that is missing, malformed or not the expected one
    "unicode",  # a string with half a surrogate pair
    "union",  # a $type outside of a closed union
)


class Issue:
    """One thing that is wrong, with its place.

    ``parts`` are the keys and indexes that lead to the value; ``path`` is the same as text,
    ``$.shards[0].cid``.
    """

    __slots__ = ("code", "message", "parts")

    def __init__(self, parts: tuple[str | int, ...], code: str, message: str) -> None:
        self.parts = parts
        self.code = code
        self.message = message

    @property
    def path(self) -> str:
        """The place as a JSON path; ``$`` is the whole value."""
        return "$" + "".join(map(_step, self.parts))

    def to_dict(self) -> dict[str, str]:
        """``path``, ``code`` and ``message``."""
        return {"path": self.path, "code": self.code, "message": self.message}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Issue) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __str__(self) -> str:
        return f"{self.path}: {self.message} [{self.code}]"

    def __repr__(self) -> str:
        return f"Issue({self.path!r}, {self.code!r}, {self.message!r})"

    def _key(self) -> tuple[tuple[str | int, ...], str, str]:
        return self.parts, self.code, self.message


def _step(part: str | int) -> str:
    if type(part) is int:
        return f"[{part}]"
    name = str(part)
    return f".{name}" if name.isidentifier() else f"[{shown(name)}]"


class Issues(list[Issue]):
    """What a reader returns in place of the value. A type of its own: values may be lists."""

    __slots__ = ()


def add(issues: Issues | None, parts: tuple[str | int, ...], code: str, message: str) -> Issues:
    """Append an issue; the list is made with the first one."""
    if issues is None:
        issues = Issues()
    issues.append(Issue(parts, code, message))
    return issues


def nest(issues: Issues | None, parts: tuple[str | int, ...], found: Issues) -> Issues:
    """Append what was found inside the value at ``parts``."""
    if issues is None:
        issues = Issues()
    for issue in found:
        issues.append(Issue(parts + issue.parts, issue.code, issue.message))
    return issues


def only(code: str, message: str) -> Issues:
    """One issue with the value itself."""
    return add(None, (), code, message)


def shown(value: object) -> str:
    """A value as it may appear in a message: on one line, and short."""
    if isinstance(value, str | bytes):
        return repr(value) if len(value) <= 60 else f"{value[:60]!r}…"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return repr(value) if -(10**40) < value < 10**40 else "a very large number"
    if isinstance(value, dict):
        return "an object"
    return "an array" if isinstance(value, list) else type(value).__name__


class ValidationError(ValueError):
    """A value that its lexicon refuses; ``issues`` is all that is wrong with it."""

    def __init__(self, type_id: str, issues: list[Issue]) -> None:
        super().__init__(type_id, issues)
        self.type_id = type_id
        self.issues = tuple(issues)

    def __str__(self) -> str:
        shown_issues = [str(issue) for issue in self.issues[:20]]
        if len(self.issues) > 20:
            shown_issues.append(f"and {len(self.issues) - 20} more")
        return f"not a valid {self.type_id}: " + "; ".join(shown_issues)
