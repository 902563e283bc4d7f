"""One lexicon document: read from a file, with the place of every value in it.

The places make findings clickable (``file:line:column``). JSON is parsed here rather than by the
standard library because that one forgets where values stood, and takes duplicate keys.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, TypeAlias

Pointer: TypeAlias = tuple[str | int, ...]

MAX_BYTES: Final = 4 * 1024 * 1024
MAX_DEPTH: Final = 64

_SPACE = re.compile(r"[ \t\r\n]*").match
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"', re.DOTALL).match
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?").match
_WORDS: Final = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding about a document: the rule's id, what is wrong, and where."""

    rule: str
    message: str
    file: str
    line: int = 1
    column: int = 1
    severity: str = "error"
    direction: str | None = None

    def __str__(self) -> str:
        direction = f" ({self.direction})" if self.direction else ""
        place = f"{self.file}:{self.line}:{self.column}"
        return f"{place}: {self.severity}: {self.message}{direction} [{self.rule}]"


class DocumentError(ValueError):
    """Text that is not a JSON document; ``line`` and ``column`` start at 1."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed document.

    ``name`` is the file as findings show it; ``path`` is its place below its folder of
    lexicons, or None if there is none.
    """

    name: str
    path: str | None
    value: Any
    places: dict[Pointer, tuple[int, int]]
    sha256: str

    def place(self, pointer: Pointer) -> tuple[int, int]:
        """Line and column of a value, or of the nearest one around it."""
        while pointer not in self.places:
            pointer = pointer[:-1]
        return self.places[pointer]

    def finding(
        self,
        rule: str,
        pointer: Pointer,
        message: str,
        *,
        severity: str = "error",
        direction: str | None = None,
    ) -> Finding:
        """A finding at the value that a pointer leads to."""
        line, column = self.place(pointer)
        return Finding(rule, message, self.name, line, column, severity, direction)


def parse(data: bytes, name: str, path: str | None = None) -> Document:
    """Parse a document; ``DocumentError`` when it is not JSON, too large or too deep."""
    if len(data) > MAX_BYTES:
        raise DocumentError(f"longer than {MAX_BYTES} bytes", 1, 1)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise DocumentError(f"not UTF-8: {error.reason}", 1, 1) from error
    parser = _Parser(text)
    value = parser.document()
    places = {pointer: parser.line_and_column(at) for pointer, at in parser.starts.items()}
    return Document(name, path, value, places, sha256(data).hexdigest())


class _Parser:
    """A recursive descent over JSON text."""

    __slots__ = ("_lines", "at", "starts", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.starts: dict[Pointer, int] = {}
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]

    def line_and_column(self, at: int) -> tuple[int, int]:
        line = bisect_right(self._lines, at)
        return line, at - self._lines[line - 1] + 1

    def document(self) -> Any:
        self._skip()
        value = self._value((), 0)
        self._skip()
        if self.at != len(self.text):
            raise self._error("text follows the document")
        return value

    def _error(self, message: str) -> DocumentError:
        return DocumentError(message, *self.line_and_column(self.at))

    def _skip(self) -> None:
        match = _SPACE(self.text, self.at)
        if match is not None:
            self.at = match.end()

    def _value(self, pointer: Pointer, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise self._error(f"nested deeper than {MAX_DEPTH} levels")
        self.starts[pointer] = self.at
        first = self.text[self.at : self.at + 1]
        if first == "{":
            return self._object(pointer, depth)
        if first == "[":
            return self._array(pointer, depth)
        if first == '"':
            return self._string()
        for word, value in _WORDS.items():
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return value
        return self._number()

    def _number(self) -> int | float:
        match = _NUMBER(self.text, self.at)
        if match is None:
            raise self._error("expected a JSON value")
        if len(match[0]) > 40:
            raise self._error("a number of more than 40 characters")
        self.at = match.end()
        return float(match[0]) if match[1] or match[2] else int(match[0])

    def _string(self) -> str:
        match = _STRING(self.text, self.at)
        if match is None:
            raise self._error("expected a string")
        try:
            value: str = json.loads(match[0])
            value.encode()
        except ValueError as error:
            raise self._error("a string with a bad escape") from error
        self.at = match.end()
        return value

    def _array(self, pointer: Pointer, depth: int) -> list[Any]:
        items: list[Any] = []
        for _ in self._entries("[", "]"):
            items.append(self._value((*pointer, len(items)), depth + 1))
        return items

    def _object(self, pointer: Pointer, depth: int) -> dict[str, Any]:
        value: dict[str, Any] = {}
        for _ in self._entries("{", "}"):
            key_at = self.at
            key = self._string()
            if key in value:
                self.at = key_at
                raise self._error(f"the key {key!r} occurs twice")
            self._skip()
            self._take(":")
            self._skip()
            value[key] = self._value((*pointer, key), depth + 1)
            # A finding about a property is best shown where its name stands.
            self.starts[(*pointer, key)] = key_at
        return value

    def _entries(self, opening: str, closing: str) -> Any:
        """Walk over the punctuation of a container; stop at each entry."""
        self._take(opening)
        self._skip()
        if self.text[self.at : self.at + 1] == closing:
            self.at += 1
            return
        while True:
            yield
            self._skip()
            if self.text[self.at : self.at + 1] == closing:
                self.at += 1
                return
            self._take(",")
            self._skip()

    def _take(self, character: str) -> None:
        if self.text[self.at : self.at + 1] != character:
            raise self._error(f"expected {character!r}")
        self.at += 1
