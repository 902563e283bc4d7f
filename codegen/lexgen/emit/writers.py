"""The body of ``_write``: from an object to a dict, JSON-shaped or of plain data."""

from __future__ import annotations

from lexgen import ir
from lexgen.names import field_name


def writer(definition: ir.Object) -> list[str]:
    """Lines of the method, at the margin."""
    if definition.is_record:
        lines = [f"data: dict[str, _t.Any] = {{'$type': {definition.id.full!r}}}"]
    elif definition.typed:
        lines = [
            f"data: dict[str, _t.Any] = {{'$type': {definition.id.full!r}}} if typed else {{}}"
        ]
    else:
        lines = ["data: dict[str, _t.Any] = {}"]
    for field in definition.fields:
        name = "self." + field_name(field.key, in_record=definition.is_record)
        lines += _field(field, name)
    lines += [
        "if self.extra:",
        "    data.update(_v.to_json_form(self.extra) if json else _v.copied(self.extra))",
        "return data",
    ]
    return lines


def _field(field: ir.Field, name: str) -> list[str]:
    value = expression(field.type, name)
    target = f"data[{field.key!r}]"
    if field.nullable:
        if field.required:
            return [f"{target} = None if {name} is None else {value}"]
        return [
            f"if {name} is not None:",
            f"    {target} = None if isinstance({name}, _v.Null) else {value}",
        ]
    if field.required:
        return [f"{target} = {value}"]
    return [f"if {name} is not None:", f"    {target} = {value}"]


def expression(kind: ir.Type, name: str, level: int = 0) -> str:
    """The expression that writes the value ``name``."""
    match kind:
        case ir.Boolean() | ir.Integer() | ir.String():
            return name
        case ir.Blob():
            return f"({name}.to_dict() if json else {name}.to_data())"
        case ir.Ref():
            return f"{name}._write(json, False)"
        case ir.Union():
            return f"{name}._write(json, True)"
        case ir.Array(items=items):
            item = f"item{level or ''}"
            inner = expression(items, item, level + 1)
            return f"list({name})" if inner == item else f"[{inner} for {item} in {name}]"
        case _:
            return f"(_v.to_json_form({name}) if json else _v.copied({name}))"
