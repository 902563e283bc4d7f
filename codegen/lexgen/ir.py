"""The intermediate form: what lexicons mean, with every reference resolved.

Emitters read this and nothing else. All of it is immutable.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class DefId:
    """A definition: its lexicon's NSID and its name there."""

    nsid: str
    name: str

    @property
    def full(self) -> str:
        """As it stands in ``$type``: the bare NSID stands for ``main``."""
        return self.nsid if self.name == "main" else f"{self.nsid}#{self.name}"


@dataclass(frozen=True, slots=True)
class Boolean:
    """true or false."""

    const: bool | None = None
    default: bool | None = None


@dataclass(frozen=True, slots=True)
class Integer:
    """A signed 64-bit integer."""

    minimum: int | None = None
    maximum: int | None = None
    const: int | None = None
    enum: tuple[int, ...] | None = None
    default: int | None = None


@dataclass(frozen=True, slots=True)
class String:
    """Text; lengths in bytes of UTF-8."""

    format: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    min_graphemes: int | None = None
    max_graphemes: int | None = None
    const: str | None = None
    enum: tuple[str, ...] | None = None
    known_values: tuple[str, ...] | None = None
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Bytes:
    """Bytes."""

    min_length: int | None = None
    max_length: int | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A link to content, by CID."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A reference to a blob; ``max_size`` in bytes."""

    accept: tuple[str, ...] | None = None
    max_size: int | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """An object of any shape."""


@dataclass(frozen=True, slots=True)
class Opaque:
    """A value whose definition is in a lexicon that is not in the catalog."""

    target: str


@dataclass(frozen=True, slots=True)
class Array:
    """A list of items of one type."""

    items: Type
    min_length: int | None = None
    max_length: int | None = None


@dataclass(frozen=True, slots=True)
class Ref:
    """A value of an object or record definition; of an inline object too."""

    target: DefId


@dataclass(frozen=True, slots=True)
class Union:
    """An object of one of some types, distinguished by ``$type``."""

    members: tuple[DefId, ...]
    closed: bool = False


Type: TypeAlias = (
    Boolean | Integer | String | Bytes | Link | Blob | Unknown | Opaque | Array | Ref | Union
)


@dataclass(frozen=True, slots=True)
class Field:
    """One property of an object."""

    key: str
    type: Type
    required: bool
    nullable: bool
    description: str = ""


@dataclass(frozen=True, slots=True)
class Object:
    """An object definition.

    ``typed`` is false for an inline object, which no ``$type`` can name. ``record_key`` is set
    for records only.
    """

    id: DefId
    fields: tuple[Field, ...]
    description: str = ""
    record_key: str | None = None
    typed: bool = True

    @property
    def is_record(self) -> bool:
        """Whether it is the value of a record definition."""
        return self.record_key is not None


@dataclass(frozen=True, slots=True)
class Alias:
    """A definition of a plain type: a string, an array and so on."""

    id: DefId
    type: Type
    description: str = ""


@dataclass(frozen=True, slots=True)
class Token:
    """A name that stands for itself."""

    id: DefId
    description: str = ""


@dataclass(frozen=True, slots=True)
class Body:
    """What a request or response carries."""

    encoding: str
    type: Type | None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A query, procedure or subscription."""

    id: DefId
    kind: str
    parameters: DefId | None = None
    input: Body | None = None
    output: Body | None = None
    message: Type | None = None
    errors: tuple[tuple[str, str], ...] = ()
    description: str = ""

    def aliases(self) -> Iterator[Alias]:
        """What its bodies are, where an inline object does not state it."""
        bodies = {
            "input": None if self.input is None else self.input.type,
            "output": None if self.output is None else self.output.type,
            "message": self.message,
        }
        for what, kind in bodies.items():
            def_id = DefId(self.id.nsid, f"{self.id.name}.{what}")
            if kind is not None and kind != Ref(def_id):
                yield Alias(def_id, kind, f"The {what} of {self.id.full}.")


@dataclass(frozen=True, slots=True)
class PermissionSet:
    """A named set of permissions, as JSON text in canonical form."""

    id: DefId
    title: str
    detail: str
    permissions: str
    description: str = ""


Definition: TypeAlias = Object | Alias | Token | Endpoint | PermissionSet


@dataclass(frozen=True, slots=True)
class Lexicon:
    """One lexicon: its definitions in the order of the document, inline objects after them."""

    nsid: str
    sha256: str
    description: str
    definitions: tuple[Definition, ...]


@dataclass(frozen=True, slots=True)
class Catalog:
    """Lexicons by NSID, sorted."""

    lexicons: tuple[Lexicon, ...]
    by_id: dict[DefId, Definition] = field(compare=False, repr=False)

    def object(self, def_id: DefId) -> Object:
        """The object or record definition with this id."""
        definition = self.by_id[def_id]
        if not isinstance(definition, Object):
            raise TypeError(f"{def_id.full} is not an object")
        return definition
