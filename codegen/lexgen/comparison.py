"""Two catalogs side by side: what ``lexgen breaking`` and ``lexgen diff`` report."""

from __future__ import annotations

from typing import Any, Final

from lexgen import ir
from lexgen.changes import Change
from lexgen.document import Pointer

_LIMITS: Final = (
    # Name, and whether a larger one allows more.
    ("minimum", False),
    ("maximum", True),
    ("min_length", False),
    ("max_length", True),
    ("min_graphemes", False),
    ("max_graphemes", True),
    ("max_size", True),
)


def compare(old: ir.Catalog, new: ir.Catalog) -> list[Change]:
    """Every difference between two catalogs that readers or people notice."""
    comparison = _Comparison(old, new)
    comparison.run()
    return comparison.changes


class _Comparison:
    """Walks over both catalogs side by side."""

    def __init__(self, old: ir.Catalog, new: ir.Catalog) -> None:
        self.old = old
        self.new = new
        self.changes: list[Change] = []
        self._nsid = ""
        self._under_way: set[tuple[ir.DefId, ir.DefId]] = set()

    def run(self) -> None:
        old = {lexicon.nsid: lexicon for lexicon in self.old.lexicons}
        new = {lexicon.nsid: lexicon for lexicon in self.new.lexicons}
        for self._nsid in sorted(old.keys() | new.keys()):
            if self._nsid not in new:
                self._add("lexicon-removed", (), self._nsid)
            elif self._nsid not in old:
                self._add("lexicon-added", (), self._nsid)
            else:
                self._lexicon(old[self._nsid], new[self._nsid])

    def _add(self, rule: str, at: Pointer, detail: str) -> None:
        self.changes.append(Change(rule, self._nsid, at, detail))

    def _lexicon(self, old: ir.Lexicon, new: ir.Lexicon) -> None:
        # Inline objects are compared where they stand.
        before = {d.id.name: d for d in old.definitions if "." not in d.id.name}
        after = {d.id.name: d for d in new.definitions if "." not in d.id.name}
        self._description(old, new, ("description",))
        for name in before.keys() - after.keys():
            self._add("definition-removed", ("defs",), name)
        for name in sorted(after):
            at = ("defs", name)
            if name not in before:
                self._add("definition-added", at, name)
            elif _kind(before[name]) != _kind(after[name]):
                was, now = _kind(before[name]), _kind(after[name])
                self._add("definition-kind", at, f"{name} was a {was} and is a {now}")
            else:
                self._definition(before[name], after[name], at)

    def _definition(self, old: ir.Definition, new: ir.Definition, at: Pointer) -> None:
        match old, new:
            case ir.Object(), ir.Object():
                place = (*at, "record") if new.is_record else at
                if old.record_key != new.record_key:
                    detail = f"was {old.record_key}, is {new.record_key}"
                    self._add("record-key", (*at, "key"), detail)
                self._under_way.add((old.id, new.id))
                self._object(old, new, place)
                self._under_way.discard((old.id, new.id))
            case ir.Alias(), ir.Alias():
                self._type(old.type, new.type, at, new.id.name)
            case ir.Endpoint(), ir.Endpoint():
                self._endpoint(old, new, at)
            case ir.PermissionSet(), ir.PermissionSet():
                if old.permissions != new.permissions:
                    self._add("permissions", (*at, "permissions"), new.id.nsid)
        self._description(old, new, (*at, "description"))

    def _description(self, old: Any, new: Any, at: Pointer) -> None:
        if old.description != new.description:
            self._add("description", at, ".".join(map(str, at[1:-1])) or self._nsid)

    def _object(self, old: ir.Object, new: ir.Object, at: Pointer) -> None:
        before = {field.key: field for field in old.fields}
        after = {field.key: field for field in new.fields}
        for key in before.keys() - after.keys():
            need = "required" if before[key].required else "optional"
            self._add(f"{need}-field-removed", (*at, "properties"), key)
        for key, field in after.items():
            place = (*at, "properties", key)
            if key not in before:
                need = "required" if field.required else "optional"
                self._add(f"{need}-field-added", place, key)
            else:
                self._field(before[key], field, place)

    def _field(self, old: ir.Field, new: ir.Field, at: Pointer) -> None:
        if old.required != new.required:
            rule = "field-now-required" if new.required else "field-now-optional"
            self._add(rule, at, new.key)
        if old.nullable != new.nullable:
            self._add("null-allowed" if new.nullable else "null-refused", at, new.key)
        self._type(old.type, new.type, at, new.key)
        self._description(old, new, (*at, "description"))

    def _type(self, old: ir.Type, new: ir.Type, at: Pointer, name: str) -> None:
        if type(old) is not type(new):
            detail = f"{name} was {_kind(old)} and is {_kind(new)}"
            self._add("type", at, detail)
            return
        self._limits(old, new, at, name)
        match old, new:
            case (
                ir.Boolean() | ir.Integer() | ir.String(),
                ir.Boolean() | ir.Integer() | ir.String(),
            ):
                self._plain(old, new, at, name)
            case ir.Blob(), ir.Blob():
                rules = ("accept-narrowed", "accept-widened", "accept-narrowed")
                before = None if old.accept is None or "*/*" in old.accept else set(old.accept)
                after = None if new.accept is None or "*/*" in new.accept else set(new.accept)
                self._sets(before, after, rules, (*at, "accept"), name)
                if (
                    before is not None
                    and after is not None
                    and not before < after
                    and after - before
                ):
                    self._add("accept-widened", (*at, "accept"), name)
            case ir.Array(), ir.Array():
                self._type(old.items, new.items, (*at, "items"), f"{name}[]")
            case ir.Ref(), ir.Ref():
                self._ref(old, new, at)
            case ir.Union(), ir.Union():
                self._union(old, new, at, name)
            case ir.Opaque(), ir.Opaque():
                if old.target != new.target:
                    self._add("type", at, f"{name} was {old.target} and is {new.target}")

    def _limits(self, old: ir.Type, new: ir.Type, at: Pointer, name: str) -> None:
        for limit, larger_allows_more in _LIMITS:
            was, now = getattr(old, limit, None), getattr(new, limit, None)
            if was == now:
                continue
            looser = now is None or (was is not None and (now > was) == larger_allows_more)
            rule = "limit-loosened" if looser else "limit-tightened"
            keyword = _camel(limit)
            self._add(rule, (*at, keyword), f"{keyword} of {name} was {was}, is {now}")

    def _plain(
        self,
        old: ir.Boolean | ir.Integer | ir.String,
        new: ir.Boolean | ir.Integer | ir.String,
        at: Pointer,
        name: str,
    ) -> None:
        rules = ("values-narrowed", "values-widened", "values-changed")
        self._sets(_values(old), _values(new), rules, at, name)
        if old.default != new.default:
            self._add("default", (*at, "default"), f"of {name}")
        if isinstance(old, ir.String) and isinstance(new, ir.String):
            if old.known_values != new.known_values:
                self._add("known-values", (*at, "knownValues"), f"of {name}")
            if old.format != new.format:
                verb = (
                    "added"
                    if old.format is None
                    else "dropped"
                    if new.format is None
                    else "changed"
                )
                detail = f"{name} was {old.format}, is {new.format}"
                self._add(f"format-{verb}", (*at, "format"), detail)

    def _sets(
        self,
        old: set[Any] | None,
        new: set[Any] | None,
        rules: tuple[str, str, str],
        at: Pointer,
        name: str,
    ) -> None:
        """Compare what is allowed; None allows all."""
        if old == new:
            return
        if old is None or (new is not None and new < old):
            self._add(rules[0], at, f"of {name}")
        elif new is None or old < new:
            self._add(rules[1], at, f"of {name}")
        else:
            self._add(rules[2], at, f"of {name}")

    def _ref(self, old: ir.Ref, new: ir.Ref, at: Pointer) -> None:
        inline = "." in new.target.name or "." in old.target.name
        pair = (old.target, new.target)
        if pair in self._under_way or (old.target == new.target and not inline):
            return  # a definition is compared where it is defined
        self._under_way.add(pair)
        self._object(self.old.object(old.target), self.new.object(new.target), at)
        self._under_way.discard(pair)

    def _union(self, old: ir.Union, new: ir.Union, at: Pointer, name: str) -> None:
        if old.closed != new.closed:
            self._add("union-closed" if new.closed else "union-opened", at, name)
        kind = "closed" if old.closed and new.closed else "open"
        for verb, members in (
            ("added", set(new.members) - set(old.members)),
            ("removed", set(old.members) - set(new.members)),
        ):
            for member in sorted(members, key=lambda member: member.full):
                detail = f"{member.full} of {name}"
                self._add(f"{kind}-union-member-{verb}", (*at, "refs"), detail)

    def _endpoint(self, old: ir.Endpoint, new: ir.Endpoint, at: Pointer) -> None:
        nothing = ir.Object(old.id, ())
        before = self.old.object(old.parameters) if old.parameters else nothing
        after = self.new.object(new.parameters) if new.parameters else nothing
        self._object(before, after, (*at, "parameters"))
        for side, was, now in (("input", old.input, new.input), ("output", old.output, new.output)):
            self._body(was, now, (*at, side), side)
        message_at = (*at, "message", "schema")
        self._optional(old.message, new.message, message_at, "message")
        removed = {name for name, _ in old.errors} - {name for name, _ in new.errors}
        added = {name for name, _ in new.errors} - {name for name, _ in old.errors}
        for name in sorted(removed):
            self._add("error-removed", (*at, "errors"), name)
        for name in sorted(added):
            self._add("error-added", (*at, "errors"), name)

    def _body(self, old: ir.Body | None, new: ir.Body | None, at: Pointer, side: str) -> None:
        if old is None or new is None:
            if old is not new:
                self._add("body-added" if old is None else "body-removed", at, side)
            return
        if old.encoding != new.encoding:
            detail = f"{side} was {old.encoding}, is {new.encoding}"
            self._add("encoding", (*at, "encoding"), detail)
        self._optional(old.type, new.type, (*at, "schema"), side)

    def _optional(self, old: ir.Type | None, new: ir.Type | None, at: Pointer, name: str) -> None:
        if old is not None and new is not None:
            self._type(old, new, at, name)
        elif old is not new:
            self._add("body-added" if old is None else "body-removed", at, name)


def _kind(thing: ir.Definition | ir.Type) -> str:
    match thing:
        case ir.Object():
            return "record" if thing.is_record else "object"
        case ir.Endpoint():
            return thing.kind
        case ir.Alias():
            return _kind(thing.type)
        case ir.PermissionSet():
            return "permission-set"
        case ir.Link():
            return "cid-link"
        case ir.Ref():
            return "object"
        case _:
            return type(thing).__name__.lower()


def _values(kind: ir.Boolean | ir.Integer | ir.String) -> set[Any] | None:
    if kind.const is not None:
        return {kind.const}
    enum = getattr(kind, "enum", None)
    return None if enum is None else set(enum)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
