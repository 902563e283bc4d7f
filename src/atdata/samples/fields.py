"""The fields of a sample type.

They are those of its dataclass, in order, except for those that ``__init__`` does not take: these
are computed, not data. Annotations may be text
(``from __future__ import annotations``) and may name types of the function that the class is
defined in.
"""

from __future__ import annotations

import dataclasses
import inspect
import keyword
import sys
import typing
import unicodedata
from dataclasses import MISSING, dataclass
from types import FrameType
from typing import Any

from atdata.errors import SchemaError
from atdata.samples.annotations import description_of, kind_of, member_of
from atdata.samples.kinds import Kind

# Names that samples use themselves.
RESERVED = frozenset({"packed", "as_wds", "from_bytes", "from_data"})

_MAX_NAME = 256
_SCOPE = "__atdata_scope__"


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name, the kind of its values, and its value if the data has none."""

    name: str
    kind: Kind
    annotation: Any
    description: str | None
    default: Any  # dataclasses.MISSING when there is none
    factory: Any  # the same
    keyword_only: bool
    annotated_member: str | None  # the extension, if the annotation has one

    @property
    def member(self) -> str:
        """The extension of its member in shards that keep each field as a member."""
        return self.annotated_member or self.name.lower()

    @property
    def required(self) -> bool:
        """Whether the data must have it."""
        return self.default is MISSING and self.factory is MISSING

    def fallback(self) -> Any:
        """Return the value for a sample whose data lacks the field."""
        return self.default if self.factory is MISSING else self.factory()


def fields_of(sample_type: type) -> tuple[Field, ...]:
    """Return the fields of a sample type.

    Raises:
        SchemaError: It is not a dataclass, samples can't hold values of an annotation, a name
            can't be used, or ``__init__`` needs more than the fields.
        NameError: An annotation contains a name that is not defined (yet).
    """
    if not dataclasses.is_dataclass(sample_type):
        raise SchemaError(
            f"{sample_type.__qualname__} is not a sample type",
            hint="Decorate it with @atdata.packable, or inherit PackableSample as a @dataclass.",
        )
    taken = [field for field in dataclasses.fields(sample_type) if field.init]
    for field in taken:
        check_name(field.name)
    hints = _hints(sample_type)
    fields = tuple(_field(sample_type, field, hints[field.name]) for field in taken)
    _check_init(sample_type, {field.name for field in fields})
    if any(field.annotated_member for field in fields):
        check_members(sample_type, fields)
    return fields


def check_members(sample_type: type, fields: tuple[Field, ...]) -> None:
    """Refuse two fields of one member.

    Raises:
        SchemaError: With both in it.
    """
    seen: dict[str, str] = {}
    for field in fields:
        other = seen.setdefault(field.member, field.name)
        if other != field.name:
            raise SchemaError(
                f"{sample_type.__qualname__}: {other!r} and {field.name!r} are both the member "
                f"{field.member!r}",
                hint='Give one of them another: Annotated[T, Member("extension")].',
                path=field.name,
            )


def declared_fields(sample_type: type) -> tuple[Field, ...]:
    """Return the fields of a sample type; none if it declares none, as ``DictSample``."""
    return fields_of(sample_type) if dataclasses.is_dataclass(sample_type) else ()


def check_name(name: str) -> None:
    """Refuse a field name that is not a plain identifier, or that samples use themselves.

    Names become attributes and parts of compiled source, so the check is strict.

    Raises:
        SchemaError: With the name in it, quoted.
    """
    check_identifier(name, "a field")
    if name in RESERVED:
        raise SchemaError(
            f"a field can't be called {name!r}: samples have a method of that name",
            hint="Rename the field.",
        )


def check_identifier(name: str, what: str) -> None:
    """Refuse a name that Python source could not use unchanged.

    Args:
        name: The name.
        what: What it would be the name of, for the message.

    Raises:
        SchemaError: With the name in it, quoted and cut.
    """
    if (
        not name.isidentifier()
        or keyword.iskeyword(name)
        or name != unicodedata.normalize("NFKC", name)
        or (name.startswith("__") and name.endswith("__"))
        or len(name) > _MAX_NAME
    ):
        raise SchemaError(f"{name[:80]!r} can't be the name of {what}")


def remember_scope(sample_type: type) -> None:
    """Keep the names around a class definition, for annotations that are text.

    Call it while the class is being defined.
    """
    if any(isinstance(text, str) for text in inspect.get_annotations(sample_type).values()):
        setattr(sample_type, _SCOPE, _names_around(sample_type.__module__))


def _names_around(module: str) -> dict[str, Any]:
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_globals.get("__name__") != module:
        frame = frame.f_back
    names: dict[str, Any] = {}
    while frame is not None and frame.f_locals is not frame.f_globals:
        names = {**frame.f_locals, **names}
        if frame.f_code.co_flags & inspect.CO_OPTIMIZED:
            break  # a function; the body of a class sees through to the one around it
        frame = frame.f_back
    return names


def _hints(sample_type: type) -> dict[str, Any]:
    hints: dict[str, Any] = {}
    for base in reversed(sample_type.__mro__):
        own = inspect.get_annotations(base)
        if own:
            # Each class by itself: its annotations belong to its own module and scope.
            namespace = {"__annotations__": own, "__module__": base.__module__}
            scope = {**base.__dict__.get(_SCOPE, {}), base.__name__: base}
            bare = type(base.__name__, (), namespace)
            hints |= typing.get_type_hints(bare, localns=scope, include_extras=True)
    return hints


def _field(sample_type: type, field: dataclasses.Field[Any], annotation: Any) -> Field:
    try:
        kind, member = kind_of(annotation), member_of(annotation)
    except SchemaError as error:
        message = f"{sample_type.__qualname__}.{field.name}: {error.message}"
        raise SchemaError(message, hint=error.hint, path=field.name) from None
    return Field(
        name=field.name,
        kind=kind,
        annotation=annotation,
        description=field.metadata.get("description") or description_of(annotation),
        default=field.default,
        factory=field.default_factory,
        keyword_only=field.kw_only is True,
        annotated_member=member,
    )


def _check_init(sample_type: type, names: set[str]) -> None:
    signature = inspect.signature(sample_type.__init__)  # type: ignore[misc]
    for parameter in list(signature.parameters.values())[1:]:
        named = parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if named and parameter.default is parameter.empty and parameter.name not in names:
            raise SchemaError(
                f"{sample_type.__qualname__}.__init__ wants {parameter.name!r}, not a field",
                hint="Give the parameter a default: a sample is rebuilt from its fields alone.",
            )
