"""The source of a sample type as a Python module, to keep, read and change.

As a stub (:mod:`atdata.samples.stub_text`), it contains nothing of a schema but checked names and
values that ``ascii()`` quotes. When the module is run, its class has the same schema.
"""

from __future__ import annotations

import enum
from typing import Any

from atdata.errors import SchemaError
from atdata.samples import kinds
from atdata.samples.fields import Field, fields_of
from atdata.samples.stub_text import Stub, held_classes, other_name
from atdata.samples.to_schema import class_description

_HEAD = "# A sample type for imported data. Keep this module: its class has the same schema.\n"


def class_text(sample_type: type[Any]) -> str:
    """Return a module with the class, and the classes that its fields hold.

    Raises:
        SchemaError: A class holds itself, or has a field with a default.
    """
    return _Source(sample_type, sample_type.__name__).text()


class _Source(Stub):
    """A module that is being written. Unlike a stub's, its annotations are evaluated in order."""

    def text(self) -> str:
        root = next(iter(self._names))
        classes = {cls: self._class(cls, self._names[cls]) for cls in _inner_first(root, ())}
        blocks = [text + self._renaming(cls) for cls, text in classes.items()]
        return "\n\n".join([_HEAD + "".join(self._import_lines()), *blocks])

    def _renaming(self, cls: type[Any]) -> str:
        name = self._names[cls]
        return f"\n\n{other_name(name)} = {name}\n" if name in self._renamed else ""

    def _class(self, cls: type[Any], name: str) -> str:
        text = class_description(cls)
        body = [f"    {text!a}\n"] if text else []
        if issubclass(cls, enum.Enum):
            members = {key: member.value for key, member in cls.__members__.items()}
            body += [f"    {key} = {value!a}\n" for key, value in members.items()]
            return f"class {name}({', '.join(self._bases(cls))}):\n{''.join(body)}"
        body += [self._field(field) for field in fields_of(cls)]
        return f"@{self._word('packable')}\nclass {name}:\n{''.join(body) or '    pass'}"

    def _field(self, field: Field) -> str:
        if not field.required or field.keyword_only:
            raise SchemaError(
                "fields with defaults, or by keyword only, are not written as source",
                path=field.name,
            )
        annotation = self._annotation(field.kind)
        if field.annotated_member is not None:
            member = f"{self._word('Member')}({field.annotated_member!a})"
            annotation = f"{self._word('Annotated')}[{annotation}, {member}]"
        if field.description:
            text = ascii(field.description)
            annotation = f"{self._word('Annotated')}[{annotation}, {text}]"
        return f"    {field.name}: {annotation}\n"

    def _media(self, kind: kinds.MediaOf) -> str:
        media = super()._media(kind)
        if kind.media_type is None:
            return media
        name = f"{self._word('MediaType')}({kind.media_type!a})"
        return f"{self._word('Annotated')}[{media}, {name}]"

    def _literal(self, values: tuple[str | int | bool, ...]) -> str:
        return f"{self._word('Literal')}[{', '.join(map(ascii, values))}]"


def _inner_first(cls: type[Any], around: tuple[type[Any], ...]) -> list[type[Any]]:
    """Return a class after the classes that its fields hold."""
    if cls in around:
        raise SchemaError(f"{cls.__name__} holds itself, which is not written as source")
    if issubclass(cls, enum.Enum):
        return [cls]
    inner = [
        one
        for field in fields_of(cls)
        for held in held_classes(field.kind)
        for one in _inner_first(held, (*around, cls))
    ]
    return [*dict.fromkeys(inner), cls]
