"""Types as Python annotations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lexgen import ir
from lexgen.names import class_name

if TYPE_CHECKING:
    from lexgen.emit.module import Module


def annotation(module: Module, kind: ir.Type) -> str:
    """What an attribute of this type holds."""
    match kind:
        case ir.Boolean():
            return "bool"
        case ir.Integer():
            return "int"
        case ir.String():
            return "str"
        case ir.Bytes():
            return "bytes"
        case ir.Link():
            return "_v.Link"
        case ir.Blob():
            return "_v.Blob"
        case ir.Array(items=items):
            return f"list[{annotation(module, items)}]"
        case ir.Ref(target=target):
            return reference(module, target)
        case ir.Union(members=members, closed=closed):
            options = [reference(module, member) for member in members]
            return " | ".join(options if closed and options else [*options, "_v.UnknownVariant"])
        case ir.Unknown():
            return "_t.Mapping[str, _t.Any]"
        case ir.Opaque():
            return "_t.Any"


def reference(module: Module, target: ir.DefId) -> str:
    """The class of a definition, as it is written in this module."""
    return module.alias(target.nsid) + class_name(target.nsid, target.name)


def field_annotation(module: Module, field: ir.Field) -> str:
    """What the attribute holds: None stands for absent, or else for null."""
    text = annotation(module, field.type)
    if field.nullable and not field.required:
        text += " | _v.Null"
    return text if field.required and not field.nullable else f"{text} | None"


def field_default(field: ir.Field) -> str | None:
    """The default of the attribute when an object is built by hand."""
    default = getattr(field.type, "default", None)
    if default is not None:
        return repr(default)
    return None if field.required else "None"


def dict_annotation(module: Module, kind: ir.Type) -> str:
    """The JSON form of a type."""
    match kind:
        case ir.Bytes():
            return "_v.BytesDict"
        case ir.Link():
            return "_v.LinkDict"
        case ir.Blob():
            return "_v.BlobDict"
        case ir.Array(items=items):
            return f"list[{dict_annotation(module, items)}]"
        case ir.Ref(target=target):
            return f"{reference(module, target)}Dict"
        case ir.Union(members=members, closed=closed):
            options = [f"{reference(module, member)}Dict" for member in members]
            extra = [] if closed and options else ["_t.Mapping[str, _t.Any]"]
            return " | ".join([*options, *extra])
        case _:
            return annotation(module, kind)


def dict_entries(module: Module, definition: ir.Object) -> list[tuple[str, str]]:
    """Keys and types of the dict type, each as a literal."""
    entries = []
    if definition.typed:
        name = f"_t.Literal[{definition.id.full!r}]"
        need = "Required" if definition.is_record else "NotRequired"
        entries.append((repr("$type"), repr(f"_t.{need}[{name}]")))
    for field in definition.fields:
        text = dict_annotation(module, field.type)
        if field.nullable:
            text += " | None"
        need = "Required" if field.required else "NotRequired"
        entries.append((repr(field.key), repr(f"_t.{need}[{text}]")))
    return entries
