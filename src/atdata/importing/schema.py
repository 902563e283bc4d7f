"""The sample type of a table: guessed from its columns, or the user's own, matched with them.

A column's name becomes that of a field. One that can't be the name of a field is changed: other
characters become ``_``; a name that then begins with a digit gets ``field_`` before it, and a word
of Python, or a name that samples use themselves, gets ``_`` after it. The field's description has
the name in the source. Two columns whose fields would have one name are refused.
"""

from __future__ import annotations

import dataclasses
import keyword
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atdata.errors import SampleError, SchemaError
from atdata.importing.conversions import conversion
from atdata.importing.readers import Column
from atdata.samples.annotations import kind_of
from atdata.samples.codec import codec_of
from atdata.samples.fields import RESERVED, Field, check_identifier, check_name, fields_of
from atdata.samples.from_schema import type_from_document
from atdata.samples.kinds import Kind
from atdata.samples.packable import packable
from atdata.samples.to_schema import schema_document

_FALLBACK = "Sample"
_LONGEST = 100


def field_name(column: str) -> str:
    """Return the name of the field for a column.

    Raises:
        SchemaError: There is nothing in its name that a field's could have.
    """
    if _is_name(column):
        return column
    words = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", column)).strip("_")[:_LONGEST]
    if words[:1].isdigit():
        words = f"field_{words}"
    if keyword.iskeyword(words) or words in RESERVED:
        words = f"{words}_"
    if not _is_name(words):
        raise SchemaError(
            f"the column {column!r:.80} can't name a field",
            hint="Give it a name with letters, or leave it out.",
            path=column,
        )
    return words


def class_name(text: str) -> str:
    """Return the name of a class made of the words in a text, such as ``PhotoAlbum``."""
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text))
    name = "".join(word[:1].upper() + word[1:] for word in words)[:_LONGEST]
    try:
        check_identifier(name, "a class")
    except SchemaError:
        return _FALLBACK
    return name


def source_name(source: Any) -> str:
    """Return the name of a source: that of its file or folder without suffixes, or of its class."""
    if isinstance(source, str | Path):
        return Path(source).absolute().name.partition(".")[0]
    return type(source).__name__


def guessed_type(name: str, columns: Iterable[Column]) -> type[Any]:
    """Return a new sample type with a field for each column, which other processes can load.

    Args:
        name: Name of the class.
        columns: Its columns; also of a nested type, for the maps in a column.

    Raises:
        SchemaError: Samples can't have such fields, or two of one name.
    """
    check_identifier(name, "a class")
    fields: dict[str, Column] = {}
    for column in columns:
        field = field_name(column.name)
        if field in fields:
            raise SchemaError(
                f"the columns {fields[field].name!r:.80} and {column.name!r:.80} would both be "
                f"the field {field!r}",
                hint="Rename one of them in the source.",
                path=column.name,
            )
        fields[field] = column
    if not fields:
        raise SchemaError("there are no columns")
    namespace: dict[str, Any] = {
        "__annotations__": {name: column.annotation for name, column in fields.items()}
    }
    for field, column in fields.items():
        text = column.description
        if field != column.name:
            text = f"{text or 'A column'} (in the source: {column.name!a:.200})"
        if text:
            namespace[field] = dataclasses.field(metadata={"description": text})
    made: type[Any] = packable(type(name, (), namespace))
    return type_from_document(schema_document(made), name=name)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the value of a field comes from.

    Attributes:
        column: Name of the column; the field's own where the source has none.
        place: Its place in a row; None where the source has no such column.
        kind: The kind of its values; None likewise.
    """

    column: str
    place: int | None = None
    kind: Kind | None = None


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes samples of rows.

    Attributes:
        sample_type: Their type.
        sources: Where the value of each field comes from, in the order of the fields.
    """

    sample_type: type[Any]
    sources: tuple[Source, ...]

    @classmethod
    def of(cls, sample_type: type[Any], columns: Sequence[Column]) -> Maker:
        """Match the fields of a sample type with columns, by name.

        Raises:
            SchemaError: A field without a default has no column.
        """
        known = {
            field_name(column.name): Source(column.name, place, kind_of(column.annotation))
            for place, column in enumerate(columns)
        }
        sources = []
        for field in fields_of(sample_type):
            if field.required and field.name not in known:
                raise SchemaError(
                    f"the source has no column for the field {field.name!r}",
                    hint=f"Give the field a default, or choose from: {', '.join(known)}.",
                    path=field.name,
                )
            sources.append(known.get(field.name, Source(field.name)))
        return cls(sample_type, tuple(sources))

    def samples(self, rows: Iterator[tuple[Any, ...]], first: int) -> Iterator[Any]:
        """Yield a sample of each row.

        Args:
            rows: The rows.
            first: Number of the first one, for errors.

        Raises:
            SampleError: A value does not fit its field; row and column are named.
        """
        codec = codec_of(self.sample_type)
        fields = [
            (source, field, None if source.kind is None else conversion(source.kind, field.kind))
            for source, field in zip(self.sources, codec.fields, strict=True)
        ]
        if all(
            source.place == place and convert is None
            for place, (source, _, convert) in enumerate(fields)
        ):
            make: Callable[..., Any] = codec.make
            for row in rows:
                yield make(*row)
            return
        for number, row in enumerate(rows, first):
            yield codec.make(*(_value(row, number, *field) for field in fields))


def _value(
    row: tuple[Any, ...],
    number: int,
    source: Source,
    field: Field,
    convert: Callable[[Any], Any] | None,
) -> Any:
    if source.place is None:
        return field.fallback()
    value = row[source.place]
    if convert is None:
        return value
    try:
        return convert(value)
    except SampleError as error:
        raise SampleError(
            f"row {number}, column {source.column!r:.80}: {error.message}",
            hint=error.hint,
            path=f"{source.column}.{error.path}" if error.path else source.column,
        ) from None


def _is_name(text: str) -> bool:
    try:
        check_name(text)
    except SchemaError:
        return False
    return True
