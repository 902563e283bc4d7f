"""The reader of an object definition: one straight line of checks that also builds.

What is right costs a comparison or two in line. Everything else (measuring text that is not
ASCII, saying what is wrong) is a call into the runtime's ``checks``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lexgen import ir
from lexgen.names import field_name, function_suffix

if TYPE_CHECKING:
    from lexgen.emit.python import Module

_MAX_ENTRIES = 131_072
_LOW, _HIGH = -(2**63), 2**63 - 1


def reader(module: Module, definition: ir.Object, name: str) -> list[str]:
    """Lines of the function, at the margin."""
    return _Reader(module, definition, name).lines


@dataclass(frozen=True, slots=True)
class _Place:
    """A value being read: its variable, its path from the object, and how deep it lies."""

    name: str
    parts: str
    depth: str


class _Reader:
    """Writes one function line by line."""

    def __init__(self, module: Module, definition: ir.Object, name: str) -> None:
        self.module = module
        self.definition = definition
        self.lines: list[str] = []
        self.margin = 0
        suffix = function_suffix(definition.id.nsid, definition.id.name)
        keys = ["$type"] if definition.typed else []
        keys += [field.key for field in definition.fields]
        self.put(f"_KEYS_{suffix.upper()} = frozenset({keys!r})")
        self.put("", "")
        self.put(f"def _read_{suffix}(v: _t.Any, lenient: bool, depth: int, typed: bool) -> _t.Any:")
        self.margin = 1
        self._open()
        for field in definition.fields:
            self._field(field)
        self.put("if n:")
        self.put(f"    issues = _c.read_entries(v, depth, issues, _KEYS_{suffix.upper()}, extra)")
        self.put("if issues is not None:", "    return issues")
        names = [self._variable(field) for field in definition.fields]
        values = ", ".join(f"{name[2:]}={name}" for name in names)
        self.put(f"return {name}({values}{', ' if values else ''}extra=extra)")

    def put(self, *lines: str) -> None:
        self.lines += ["    " * self.margin + line if line else "" for line in lines]

    def _open(self) -> None:
        self.put(
            "if type(v) is not dict or depth > 32:",
            "    return _c.not_an_object(v, depth)",
            "issues: _Issues | None = None",
            "extra: dict[str, _t.Any] = {}",
            "get = v.get",
            "n = len(v)",
        )
        if not self.definition.typed:
            return
        required = self.definition.is_record
        id = repr(self.definition.id.full)
        self.put("name = get('$type')")
        if required:
            self.put(f"if name == {id}:", "    n -= 1", "else:")
        else:
            self.put("if name is not None and typed:", f"    n -= 1", "elif name is not None:", "    n -= 1", "    extra['$type'] = name")
            self.put(f"if name is not None and name != {id}:")
        self.put(
            f"    issues = _c.check_type(issues, name, {id}, lenient, {required})",
            "    extra['$type'] = name",
        )
        if required:
            self.put("    if name is not None:", "        n -= 1")

    def _variable(self, field: ir.Field) -> str:
        return "f_" + field_name(field.key, in_record=self.definition.is_record)

    def _field(self, field: ir.Field) -> None:
        name, key = self._variable(field), repr(field.key)
        place = _Place(name, f"({key},)", "depth")
        self.put(f"{name} = get({key})")
        if not field.required and not field.nullable:
            self.put(f"if {name} is not None:")
        elif field.nullable:
            self.put(f"if {name} is None:", f"    if {key} in v:", "        n -= 1")
            if field.required:
                self.put("    else:", f"        issues = _add(issues, ({key},), 'required', 'missing')")
            else:
                self.put(f"        {name} = _v.NULL")
            self.put("else:")
        else:
            self.put(
                f"if {name} is None:",
                f"    if {key} not in v:",
                f"        issues = _add(issues, ({key},), 'required', 'missing')",
                "else:",
            )
        self.margin += 1
        self.put("n -= 1")
        self._check(field.type, place)
        self.margin -= 1

    def _check(self, type: ir.Type, place: _Place) -> None:
        match type:
            case ir.Boolean():
                self._boolean(type, place)
            case ir.Integer():
                self._integer(type, place)
            case ir.String():
                self._string(type, place)
            case ir.Array():
                self._array(type, place)
            case ir.Union():
                self._union(type, place)
            case ir.Bytes():
                self._call("_d.read_bytes(%s)", place)
                self._length(type.min_length, type.max_length, "bytes", place, "elif")
            case ir.Link():
                self._call("_d.read_link(%s)", place)
            case ir.Blob():
                self._call(f"_d.read_blob(%s, lenient, {type.accept!r}, {type.max_size!r})", place)
            case ir.Unknown():
                self._call(f"_d.read_unknown(%s, {place.depth})", place)
            case ir.Opaque():
                self._call(f"_d.read_data(%s, {place.depth})", place)
            case ir.Ref(target=target):
                self._call(f"{self._reader_name(target)}(%s, lenient, {place.depth} + 1, False)", place)

    def _reader_name(self, target: ir.DefId) -> str:
        return f"{self.module.alias(target.nsid)}_read_{function_suffix(target.nsid, target.name)}"

    def _call(self, call: str, place: _Place) -> None:
        self.put(f"{place.name} = {call % place.name}")
        self._nested(place)

    def _nested(self, place: _Place) -> None:
        self.put(
            f"if type({place.name}) is _Issues:",
            f"    issues = _nest(issues, {place.parts}, {place.name})",
        )

    def _expected(self, what: str, condition: str, place: _Place) -> None:
        self.put(
            f"if {condition}:",
            f"    issues = _c.expected(issues, {place.parts}, {what!r}, {place.name})",
        )

    def _one_of(self, values: tuple[object, ...], code: str, place: _Place) -> None:
        wanted = repr(values[0]) if len(values) == 1 else repr(values)
        operator = "!=" if len(values) == 1 else "not in"
        self.put(
            f"elif {place.name} {operator} {wanted}:",
            f"    issues = _c.not_allowed(issues, {place.parts}, {code!r}, {place.name}, {values!r})",
        )

    def _boolean(self, type: ir.Boolean, place: _Place) -> None:
        self._expected("a boolean", f"{place.name} is not True and {place.name} is not False", place)
        if type.const is not None:
            self._one_of((type.const,), "const", place)

    def _integer(self, type: ir.Integer, place: _Place) -> None:
        self._expected("an integer", f"type({place.name}) is not int", place)
        if type.const is not None:
            self._one_of((type.const,), "const", place)
        elif type.enum is not None:
            self._one_of(type.enum, "enum", place)
        else:
            low = _LOW if type.minimum is None else type.minimum
            high = _HIGH if type.maximum is None else type.maximum
            self.put(
                f"elif not {low} <= {place.name} <= {high}:",
                f"    issues = _c.check_integer(issues, {place.parts}, {place.name}, {low}, {high})",
            )

    def _string(self, type: ir.String, place: _Place) -> None:
        self._expected("a string", f"type({place.name}) is not str", place)
        if type.const is not None:
            self._one_of((type.const,), "const", place)
            return
        if type.enum is not None:
            self._one_of(type.enum, "enum", place)
            return
        self._text(type, place)
        if type.format is not None:
            function = "_f.is_" + type.format.replace("-", "_")
            self.put(
                f"elif not {function}({place.name}):",
                f"    issues = _c.bad_format(issues, {place.parts}, {type.format!r}, {place.name})",
            )

    def _text(self, type: ir.String, place: _Place) -> None:
        limits = (type.min_length, type.max_length, type.min_graphemes, type.max_graphemes)
        if type.format is not None and limits == (None,) * 4:
            return  # every format is ASCII, and bounds its own length
        # In ASCII, bytes are characters, and at most two of them (CR LF) are one grapheme.
        low = max(type.min_length or 0, 2 * (type.min_graphemes or 0))
        uppers = [u for u in (type.max_length, type.max_graphemes) if u is not None]
        size = f"len({place.name})"
        bounds = ""
        if low and uppers:
            bounds = f" and {low} <= {size} <= {min(uppers)}"
        elif low:
            bounds = f" and {size} >= {low}"
        elif uppers:
            bounds = f" and {size} <= {min(uppers)}"
        names = ("min_length", "max_length", "min_graphemes", "max_graphemes")
        given = "".join(f", {n}={u}" for n, u in zip(names, limits, strict=True) if u is not None)
        self.put(
            f"elif not ({place.name}.isascii(){bounds}) and (",
            f"    wrong := _c.check_text({place.name}{given})",
            ") is not None:",
            f"    issues = _add(issues, {place.parts}, *wrong)",
        )

    def _length(
        self, low: int | None, high: int | None, what: str, place: _Place, word: str
    ) -> None:
        if low is None and high is None:
            return
        low, high = low or 0, _MAX_ENTRIES * 8 if high is None else high
        self.put(
            f"{word} not {low} <= len({place.name}) <= {high}:",
            f"    issues = _c.check_length("
            f"issues, {place.parts}, len({place.name}), {low}, {high}, {what!r})",
        )

    def _array(self, type: ir.Array, place: _Place) -> None:
        self._expected("an array", f"type({place.name}) is not list", place)
        high = _MAX_ENTRIES if type.max_length is None else min(type.max_length, _MAX_ENTRIES)
        self._length(type.min_length, high, "items", place, "elif")
        self.put("else:")
        self.margin += 1
        level = place.name.count("_item")
        index, items = f"i{level}", f"items{level}"
        inner = _Place(f"{place.name}_item", f"{place.parts[:-1].rstrip(',')}, {index})", f"{place.depth} + 1")
        self.put(f"{items}: list[_t.Any] = []")
        self.put(f"for {index}, {inner.name} in enumerate({place.name}):")
        self.margin += 1
        self._check(type.items, inner)
        self.put(f"{items}.append({inner.name})")
        self.margin -= 1
        self.put(f"{place.name} = {items}")
        self.margin -= 1

    def _union(self, type: ir.Union, place: _Place) -> None:
        self._expected("an object", f"type({place.name}) is not dict", place)
        self.put("else:")
        self.margin += 1
        self.put(f"name = {place.name}.get('$type')")
        if any(member.name == "main" for member in type.members):
            self.put("if lenient and type(name) is str:", "    name = name.removesuffix('#main')")
        word = "if"
        for member in type.members:
            call = f"{self._reader_name(member)}({place.name}, lenient, {place.depth} + 1, True)"
            self.put(f"{word} name == {member.full!r}:", f"    {place.name} = {call}")
            word = "elif"
        if type.closed:
            rest = f"_c.refused_variant({place.name})"
        else:
            rest = f"_c.read_variant({place.name}, {place.depth}, lenient)"
        if type.members:
            self.put("else:", f"    {place.name} = {rest}")
        else:
            self.put(f"{place.name} = {rest}")
        self._nested(place)
        self.margin -= 1
