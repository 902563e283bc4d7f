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
    from lexgen.emit.module import Module

_MAX_ENTRIES = 131_072
_LOW, _HIGH = -(2**63), 2**63 - 1


def object_reader(module: Module, definition: ir.Object, name: str) -> list[str]:
    """Lines of the reader of an object, at the margin."""
    reader = _Reader(module)
    reader.read_object(definition, name)
    return reader.lines


def alias_reader(module: Module, alias: ir.Alias) -> list[str]:
    """Lines of the reader of a plain type, at the margin."""
    reader = _Reader(module)
    reader.read_alias(alias)
    return reader.lines


@dataclass(frozen=True, slots=True)
class _Place:
    """A value being read: its variable, its path from the object, and how deep it is."""

    name: str
    parts: str
    depth: str


class _Reader:
    """Writes one function line by line."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.lines: list[str] = []
        self.margin = 0
        self.loops = 0

    def read_alias(self, alias: ir.Alias) -> None:
        suffix = function_suffix(alias.id.nsid, alias.id.name)
        self.put(f"def _read_{suffix}(v: _t.Any, lenient: bool) -> _t.Any:")
        self.margin = 1
        self.put("issues: _Issues | None = None", "depth = 0")
        self._check(alias.type, _Place("v", "()", "depth"))
        self.put("return v if issues is None else issues")

    def read_object(self, definition: ir.Object, name: str) -> None:
        suffix = function_suffix(definition.id.nsid, definition.id.name)
        keys = ["$type"] if definition.typed else []
        keys += [field.key for field in definition.fields]
        self.put(f"_KEYS_{suffix.upper()} = frozenset({keys!r})")
        nullable = [field.key for field in definition.fields if field.nullable]
        if nullable:
            self.put(f"_NULLABLE_{suffix.upper()} = frozenset({nullable!r})")
        variables = {f.key: _variable(f, definition) for f in definition.fields}
        self.put("", "")
        self.put(
            f"def _read_{suffix}(v: _t.Any, lenient: bool, depth: int, typed: bool) -> _t.Any:"
        )
        self.margin = 1
        self._open(definition)
        for field in definition.fields:
            self._field(field, variables[field.key])
        self.put("if n:")
        keys_given = f"_KEYS_{suffix.upper()}, f_extra"
        if nullable:
            keys_given += f", _NULLABLE_{suffix.upper()}"
        self.put(f"    issues = _c.read_entries(v, depth, issues, {keys_given})")
        self.put(
            "if issues is not None:", "    return issues", f"value: _t.Any = _new(_{name}Slots)"
        )
        for variable in (*variables.values(), "f_extra"):
            self.put(f"value.{variable.removeprefix('f_')} = {variable}")
        self.put(f"value.__class__ = {name}", "return value")

    def put(self, *lines: str) -> None:
        self.lines += ["    " * self.margin + line if line else "" for line in lines]

    def _open(self, definition: ir.Object) -> None:
        self.put(
            "if type(v) is not dict or depth > 32:",
            "    return _c.not_an_object(v, depth)",
            "issues: _Issues | None = None",
            "f_extra: dict[str, _t.Any] = {}",
            "get = v.get",
            "n = len(v)",
        )
        if not definition.typed:
            return
        required = definition.is_record
        def_id = repr(definition.id.full)
        self.put("name = get('$type')")
        if required:
            self.put(f"if name == {def_id}:", "    n -= 1", "else:")
        else:
            self.put(
                "if name is not None and typed:",
                "    n -= 1",
                "elif name is not None:",
                "    n -= 1",
                "    f_extra['$type'] = name",
            )
            self.put(f"if name is not None and name != {def_id}:")
        self.put(
            f"    issues = _c.check_type(issues, name, {def_id}, lenient, {required})",
            "    f_extra['$type'] = name",
        )
        if required:
            self.put("    if name is not None:", "        n -= 1")

    def _field(self, field: ir.Field, name: str) -> None:
        key = repr(field.key)
        missing = f"issues = _add(issues, ({key},), 'required', 'missing')"
        self.put(f"{name}: _t.Any = get({key})")
        if field.nullable:
            self.put(f"if {name} is None:", f"    if {key} in v:", "        n -= 1")
            if not field.required:
                self.put(f"        {name} = _v.NULL")
            else:
                self.put("    else:", f"        {missing}")
            self.put("else:")
        elif field.required:
            self.put(
                f"if {name} is None:", f"    if {key} not in v:", f"        {missing}", "else:"
            )
        else:
            self.put(f"if {name} is not None:")
        self.margin += 1
        self.put("n -= 1")
        self._check(field.type, _Place(name, f"({key},)", "depth"))
        self.margin -= 1

    def _check(self, kind: ir.Type, place: _Place) -> None:
        match kind:
            case ir.Boolean():
                self._boolean(kind, place)
            case ir.Integer():
                self._integer(kind, place)
            case ir.String():
                self._string(kind, place)
            case ir.Array():
                self._array(kind, place)
            case ir.Union():
                self._union(kind, place)
            case ir.Bytes():
                self._call("_d.read_bytes(%s)", place)
                self._length(kind.min_length, kind.max_length, "bytes", place, "elif")
            case ir.Link():
                self._call("_d.read_link(%s)", place)
            case ir.Blob():
                self._call(f"_d.read_blob(%s, lenient, {kind.accept!r}, {kind.max_size!r})", place)
            case ir.Unknown():
                self._call(f"_d.read_unknown(%s, {place.depth})", place)
            case ir.Opaque():
                self._call(f"_d.read_data(%s, {place.depth})", place)
            case ir.Ref(target=target):
                self._call(
                    f"{self._reader_name(target)}(%s, lenient, {place.depth} + 1, False)", place
                )

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
            f"    issues = _c.not_allowed("
            f"issues, {place.parts}, {code!r}, {place.name}, {values!r})",
        )

    def _boolean(self, kind: ir.Boolean, place: _Place) -> None:
        self._expected(
            "a boolean", f"{place.name} is not True and {place.name} is not False", place
        )
        if kind.const is not None:
            self._one_of((kind.const,), "const", place)

    def _integer(self, kind: ir.Integer, place: _Place) -> None:
        self._expected("an integer", f"type({place.name}) is not int", place)
        if kind.const is not None:
            self._one_of((kind.const,), "const", place)
        elif kind.enum is not None:
            self._one_of(kind.enum, "enum", place)
        else:
            low = _LOW if kind.minimum is None else kind.minimum
            high = _HIGH if kind.maximum is None else kind.maximum
            self.put(
                f"elif not {low} <= {place.name} <= {high}:",
                f"    issues = _c.check_integer("
                f"issues, {place.parts}, {place.name}, {low}, {high})",
            )

    def _string(self, kind: ir.String, place: _Place) -> None:
        self._expected("a string", f"type({place.name}) is not str", place)
        if kind.const is not None:
            self._one_of((kind.const,), "const", place)
            return
        if kind.enum is not None:
            self._one_of(kind.enum, "enum", place)
            return
        self._text(kind, place)
        if kind.format is not None:
            function = "_f.is_" + kind.format.replace("-", "_")
            self.put(
                f"elif not {function}({place.name}):",
                f"    issues = _c.bad_format(issues, {place.parts}, {kind.format!r}, {place.name})",
            )

    def _text(self, kind: ir.String, place: _Place) -> None:
        limits = (kind.min_length, kind.max_length, kind.min_graphemes, kind.max_graphemes)
        if kind.format is not None and limits == (None,) * 4:
            return  # every format is ASCII, and bounds its own length
        # In ASCII, bytes are characters, and at most two of them (CR LF) are one grapheme.
        low = max(kind.min_length or 0, 2 * (kind.min_graphemes or 0))
        uppers = [u for u in (kind.max_length, kind.max_graphemes) if u is not None]
        size = f"len({place.name})"
        bounds = ""
        if low and uppers:
            bounds = f" and {low} <= {size} <= {min(uppers)}"
        elif low:
            bounds = f" and {size} >= {low}"
        elif uppers:
            bounds = f" and {size} <= {min(uppers)}"
        given = _arguments(limits)
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

    def _array(self, kind: ir.Array, place: _Place) -> None:
        self._expected("an array", f"type({place.name}) is not list", place)
        high = _MAX_ENTRIES if kind.max_length is None else min(kind.max_length, _MAX_ENTRIES)
        self._length(kind.min_length, high, "items", place, "elif")
        self.put("else:")
        self.margin += 1
        index, items = f"i{self.loops}", f"items{self.loops}"
        self.loops += 1
        inner = _Place(f"{place.name}_item", _below(place.parts, index), f"{place.depth} + 1")
        # Plain values are what they were read from: the list is copied as a whole.
        plain = isinstance(kind.items, ir.Boolean | ir.Integer | ir.String)
        if not plain:
            self.put(f"{items}: list[_t.Any] = []")
        self.put(f"for {index}, {inner.name} in enumerate({place.name}):")
        self.margin += 1
        self._check(kind.items, inner)
        if not plain:
            self.put(f"{items}.append({inner.name})")
        self.margin -= 1
        self.put(f"{place.name} = {place.name}.copy()" if plain else f"{place.name} = {items}")
        self.margin -= 1

    def _union(self, kind: ir.Union, place: _Place) -> None:
        self._expected("an object", f"type({place.name}) is not dict", place)
        self.put("else:")
        self.margin += 1
        self.put(f"name = {place.name}.get('$type')")
        if any(member.name == "main" for member in kind.members):
            self.put("if lenient and type(name) is str:", "    name = name.removesuffix('#main')")
        word = "if"
        for member in kind.members:
            call = f"{self._reader_name(member)}({place.name}, lenient, {place.depth} + 1, True)"
            self.put(f"{word} name == {member.full!r}:", f"    {place.name} = {call}")
            word = "elif"
        if kind.closed:
            rest = f"_c.refused_variant({place.name})"
        else:
            rest = f"_c.read_variant({place.name}, {place.depth}, lenient)"
        if kind.members:
            self.put("else:", f"    {place.name} = {rest}")
        else:
            self.put(f"{place.name} = {rest}")
        self._nested(place)
        self.margin -= 1


def _arguments(limits: tuple[int | None, ...]) -> str:
    """Limits as arguments by position, up to the last one given."""
    values = list(limits)
    while values and values[-1] is None:
        values.pop()
    return "".join(
        f", {'_c.MOST' if n % 2 and v is None else v or 0}" for n, v in enumerate(values)
    )


def _variable(field: ir.Field, definition: ir.Object) -> str:
    return "f_" + field_name(field.key, in_record=definition.is_record)


def _below(parts: str, index: str) -> str:
    """The path of an item, given that of its array."""
    return f"({index},)" if parts == "()" else f"{parts[:-1].rstrip(',')}, {index})"
