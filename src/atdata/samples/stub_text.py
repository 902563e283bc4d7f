"""The text of a stub file, which describes a sample type to a type checker.

A stub is data. It is composed of fixed words, of names that were checked to be identifiers,
and of the values of literals and enums, as Python's ``ascii()`` quotes them. It contains nothing
else of a schema, and is never run.
"""

from __future__ import annotations

import enum
import keyword
from collections.abc import Iterator
from math import isfinite
from typing import Any

from atdata.errors import SchemaError
from atdata.samples import kinds
from atdata.samples.dtypes import dtype_name
from atdata.samples.fields import Field, fields_of
from atdata.samples.kinds import Kind
from atdata.samples.tensors import BFLOAT16, Bfloat16, TensorOf, bfloat16, is_bfloat16

_HOMES = {
    "Annotated": "typing",
    "Any": "typing",
    "Audio": "atdata",
    "Enum": "enum",
    "Image": "atdata",
    "IntEnum": "enum",
    "Literal": "typing",
    "MediaType": "atdata",
    "Member": "atdata",
    "NDArray": "numpy.typing",
    "PackableSample": "atdata",
    "StrEnum": "enum",
    "Video": "atdata",
    "date": "datetime",
    "datetime": "datetime",
    "dtype": "numpy",
    "ndarray": "numpy",
    "packable": "atdata",
}
# Families of NumPy's scalar types take parameters.
_PARAMETERS = {
    "complexfloating": "[{any}, {any}]",
    **dict.fromkeys(
        ("number", "integer", "signedinteger", "unsignedinteger", "inexact", "floating"), "[{any}]"
    ),
}
_ALIASES = {"bool": "bool_", "str": "str_", "bytes": "bytes_"}
_MOST_VALUES = 100
_LONGEST = 200


def stub_text(sample_type: type[Any], name: str) -> str:
    """Return a stub module with the class, under this name, and the classes that its fields hold.

    Raises:
        SchemaError: A class can't have this name.
    """
    if not _is_name(name):
        raise SchemaError(f"{name!r} can't name a class")
    return Stub(sample_type, name).text()


class Stub:
    """A stub that is being written; its parts are those of a class's source as well.

    Fields and classes may have the names of types that the stub needs (``date``, ``list``,
    ``Any``). In a class, such a field hides the type, so the type gets another name, which no
    field can have.
    """

    def __init__(self, sample_type: type[Any], name: str) -> None:
        self._names = {sample_type: name}
        for found in classes_in(sample_type):
            if found not in self._names:
                self._names[found] = _free(found.__name__, set(self._names.values()))
        self._inner = {inner for cls in self._names for inner in _inner_names(cls)}
        self._taken = self._inner | set(self._names.values())
        self._imports: dict[str, set[str]] = {}
        self._renamed: set[str] = set()

    def text(self) -> str:
        """Return the whole module."""
        # Nested classes come before their holders, though in a stub the order is free.
        classes = [self._class(cls, name) for cls, name in reversed(self._names.items())]
        imports = self._import_lines()
        renamed = [f"{other_name(name)} = {name}\n" for name in sorted(self._renamed)]
        head = "# A sample type of a local index. For editors and type checkers only.\n"
        return "\n".join(
            ["".join([head, *imports]), *classes, *(["".join(renamed)] * bool(renamed))]
        )

    def _import_lines(self) -> list[str]:
        return [
            f"from {home} import {', '.join(sorted(words))}\n"
            for home, words in sorted(self._imports.items())
        ]

    def _class(self, cls: type[Any], name: str) -> str:
        if issubclass(cls, enum.Enum):
            return self._enum(cls, name)
        fields = [field for field in fields_of(cls) if _is_name(field.name)]
        attributes = [f"    {field.name}: {self._annotation(field.kind)}\n" for field in fields]
        this = "self"
        while this in {field.name for field in fields}:
            this = f"_{this}"
        positional = [self._parameter(field) for field in fields if not field.keyword_only]
        keywords = [self._parameter(field) for field in fields if field.keyword_only]
        parameters = [this, *positional, *(["*", *keywords] if keywords else [])]
        init = f"    def __init__({', '.join(parameters)}) -> None: ...\n"
        return f"class {name}({self._word('PackableSample')}):\n{''.join(attributes)}{init}"

    def _enum(self, cls: type[enum.Enum], name: str) -> str:
        members = {
            key: self._value(member) for key, member in cls.__members__.items() if _is_name(key)
        }
        body = [f"    {key} = {value}\n" for key, value in members.items()]
        return f"class {name}({', '.join(self._bases(cls))}):\n{''.join(body)}"

    def _value(self, member: enum.Enum) -> str:
        """Return a member's value as a literal; ``...`` if it is long or has no literal."""
        plain = member.value
        finite = not isinstance(plain, float) or isfinite(plain)
        spelled = ascii(plain)
        return spelled if finite and len(spelled) <= _LONGEST else "..."

    def _bases(self, cls: type[enum.Enum]) -> list[str]:
        for base in (enum.IntEnum, enum.StrEnum):
            if issubclass(cls, base):
                return [self._word(base.__name__)]
        mixed_in = [one.__name__ for one in (str, int, float) if issubclass(cls, one)]
        return [self._word(one) for one in (*mixed_in, "Enum")]

    def _parameter(self, field: Field) -> str:
        default = "" if field.required else " = ..."
        return f"{field.name}: {self._annotation(field.kind)}{default}"

    def _annotation(self, kind: Kind) -> str:
        match kind:
            case kinds.Scalar(plain) | kinds.Temporal(plain):
                return self._word(plain.__name__)
            case kinds.ArrayOf(dtype, shape):
                return self._array(dtype, shape)
            case Bfloat16(shape):
                return self._array(bfloat16().type, shape)
            case TensorOf():
                return self._word("Tensor", home="torch")
            case kinds.MediaOf():
                return self._media(kind)
            case kinds.Nullable(inner):
                return f"{self._annotation(inner)} | None"
            case kinds.Sequence(item, container):
                more = ", ..." if container is tuple else ""
                return f"{self._word(container.__name__)}[{self._annotation(item)}{more}]"
            case kinds.FixedTuple(items):
                return f"{self._word('tuple')}[{', '.join(map(self._annotation, items))}]"
            case kinds.Map(value):
                return f"{self._word('dict')}[{self._word('str')}, {self._annotation(value)}]"
            case kinds.Choice(values):
                return self._literal(values)
            case kinds.Nested(cls) | kinds.EnumMember(cls):
                return self._named(cls)
        return self._word("Any")

    def _media(self, kind: kinds.MediaOf) -> str:
        return self._word(kind.type.__name__)

    def _array(self, dtype: Any, shape: tuple[int | None, ...] | None) -> str:
        scalar = self._word("Any") if dtype is None else self._dtype(dtype)
        if shape is None:
            return f"{self._word('NDArray')}[{scalar}]"
        lengths = [
            self._word("int") if one is None else f"{self._word('Literal')}[{one}]" for one in shape
        ]
        axes = f"{self._word('tuple')}[{', '.join(lengths) or '()'}]"
        return f"{self._word('ndarray')}[{axes}, {self._word('dtype')}[{scalar}]]"

    def _dtype(self, dtype: Any) -> str:
        if is_bfloat16(dtype):
            return self._word(BFLOAT16, home="ml_dtypes")
        name = dtype_name(dtype) or "generic"
        parameters = _PARAMETERS.get(name)
        spelled = self._word(_ALIASES.get(name, name), home="numpy")
        return spelled + parameters.format(any=self._word("Any")) if parameters else spelled

    def _literal(self, values: tuple[str | int | bool, ...]) -> str:
        spelled = [ascii(value) for value in values]
        if len(spelled) > _MOST_VALUES or max(map(len, spelled)) > _LONGEST:
            return " | ".join(self._word(one) for one in sorted({type(v).__name__ for v in values}))
        return f"{self._word('Literal')}[{', '.join(spelled)}]"

    def _named(self, cls: type[Any]) -> str:
        name = self._names[cls]
        if name not in self._inner:
            return name
        self._renamed.add(name)
        return other_name(name)

    def _word(self, word: str, home: str | None = None) -> str:
        """Return an unused name for a type of Python, NumPy or atdata, and import it if needed."""
        home = home or _HOMES.get(word, "builtins")
        if word not in self._taken:
            if home != "builtins":
                self._imports.setdefault(home, set()).add(word)
            return word
        self._imports.setdefault(home, set()).add(f"{word} as {other_name(word)}")
        return other_name(word)


def classes_in(sample_type: type[Any]) -> Iterator[type[Any]]:
    """Yield the classes that fields hold, at any depth; each holder before the classes it holds."""
    seen = {sample_type}
    waiting = [sample_type]
    while waiting:
        for field in fields_of(waiting.pop(0)):
            for found in held_classes(field.kind):
                if found not in seen:
                    seen.add(found)
                    yield found
                    if not issubclass(found, enum.Enum):
                        waiting.append(found)


def held_classes(kind: Kind) -> Iterator[type[Any]]:
    """Yield the classes that values of a kind are, or contain."""
    match kind:
        case kinds.Nested(cls) | kinds.EnumMember(cls):
            yield cls
        case kinds.Nullable(inner) | kinds.Sequence(inner) | kinds.Map(inner):
            yield from held_classes(inner)
        case kinds.FixedTuple(items):
            for item in items:
                yield from held_classes(item)


def _inner_names(cls: type[Any]) -> list[str]:
    """Return the names that are defined in the body of a class."""
    if issubclass(cls, enum.Enum):
        return list(cls.__members__)
    return [field.name for field in fields_of(cls)]


def _free(name: str, taken: set[str]) -> str:
    name = name if _is_name(name) else "Sample"
    numbers = iter(range(2, len(taken) + 3))
    free = name
    while free in taken:
        free = f"{name}_{next(numbers)}"
    return free


def other_name(word: str) -> str:
    """Return a name that no field has: samples can't have fields like ``__this__``."""
    return f"__{word}_type__"


def _is_name(text: str) -> bool:
    return text.isidentifier() and not keyword.iskeyword(text)
