"""Document rules: what a lexicon may contain, and what it may not.

Every finding names its rule. ``RULES`` is the list of them, with what each is about.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from lexgen import keywords
from lexgen.document import Document, Finding, Pointer
from lexgen.runtime.checks import check_text
from lexgen.runtime.formats import FORMATS, is_nsid, is_record_key

RULES: Final[Mapping[str, str]] = {
    "json": "the file is a JSON document in UTF-8, without duplicate keys",
    "document": "the document is an object with lexicon 1, an NSID as id, and definitions",
    "file-path": "the path of the file is the id of the lexicon",
    "duplicate-id": "no two files define the same lexicon",
    "def-name": "names of definitions are ASCII letters and digits, a letter first",
    "type": "every definition and field has a type of the Lexicon language",
    "not-definable": "unknown, ref, union and params are not definitions",
    "primary-not-main": "a record, endpoint or permission set is the main definition",
    "keyword": "only keywords of the type (a misspelt limit limits nothing)",
    "keyword-value": "keywords have values of their kind",
    "keyword-missing": "the keywords that a type can't do without are there",
    "record-key": "the key of a record is tid, nsid, any or literal: and a record key",
    "property-name": "names of properties are not empty and do not start with $",
    "required": "required and nullable name properties that exist",
    "const-and-default": "a field has a constant or a default, not both",
    "limits": "a minimum is not above its maximum",
    "value": "a default, constant or enumerated value meets the other constraints",
    "format": "formats are those of the Lexicon language",
    "inline-object": "objects are definitions of their own (the TypeScript tools insist)",
    "parameters": "parameters are booleans, integers, strings, or arrays of them",
    "body": "bodies are objects, references or unions; messages are unions",
    "ref-syntax": "references are an NSID, a # and name, or both",
    "ref-unresolved": "references lead to a definition",
    "ref-target": "references lead to what can stand there",
    "ref-cycle": "a definition that is not an object does not contain itself",
    "closed-union": "a closed union has members",
    "permissions": "permissions are objects that name their resource",
    "name-collision": "no two names become equal in Python",
}

_DEF_NAME = re.compile("[a-zA-Z][a-zA-Z0-9]*").fullmatch
_MIME = re.compile(r"[^\s/]+/[^\s/]+").fullmatch
# What other people's lexicons get away with: readers can do without it.
_TOLERATED: Final = frozenset(("keyword", "file-path", "inline-object", "ref-unresolved"))


def lint(documents: Sequence[Document], *, third_party: bool = False) -> list[Finding]:
    """Check documents against every rule.

    Args:
        documents: The catalog; references are looked up in it.
        third_party: The lexicons are other people's: unknown keywords, inline objects and
            references out of the catalog are warnings then.
    """
    linter = _Linter(documents, third_party)
    for document in documents:
        linter.check(document)
    return linter.findings


class _Linter:
    """Checks one document after another."""

    def __init__(self, documents: Sequence[Document], third_party: bool) -> None:
        self.findings: list[Finding] = []
        self._third_party = third_party
        self._document: Document
        self._nsid = ""
        self._defs: dict[str, dict[str, Any]] = {}
        for document in documents:
            value = document.value if type(document.value) is dict else {}
            if type(value.get("id")) is str and type(value.get("defs")) is dict:
                self._defs.setdefault(value["id"], value["defs"])
        self._seen: dict[str, str] = {}

    def _find(self, rule: str, pointer: Pointer, message: str) -> None:
        tolerated = self._third_party and rule in _TOLERATED
        severity = "warning" if tolerated else "error"
        self.findings.append(self._document.finding(rule, pointer, message, severity=severity))

    def check(self, document: Document) -> None:
        self._document = document
        value = document.value
        if type(value) is not dict:
            self._find("document", (), "a lexicon is a JSON object")
            return
        if not self._keywords(value, (), keywords.DOCUMENT, ("lexicon", "id", "defs"), "lexicon"):
            return
        if value["lexicon"] != 1:
            self._find("document", ("lexicon",), "the version of the Lexicon language is 1")
        if not is_nsid(value["id"]):
            self._find("document", ("id",), f"{value['id']!r} is not an NSID")
            return
        self._nsid = value["id"]
        if document.path not in (None, self._nsid.replace(".", "/") + ".json"):
            self._find("file-path", ("id",), f"{self._nsid} belongs into another file")
        first = self._seen.setdefault(self._nsid, document.name)
        if first != document.name:
            self._find("duplicate-id", ("id",), f"{first} defines {self._nsid} too")
        if not value["defs"]:
            self._find("document", ("defs",), "there are no definitions")
        for name, definition in value["defs"].items():
            self._definition(name, definition, ("defs", name))

    def _keywords(
        self,
        value: dict[str, Any],
        pointer: Pointer,
        table: Mapping[str, keywords.Check],
        required: Sequence[str],
        what: str,
    ) -> bool:
        """Check keywords and the kinds of their values; whether they can be worked with."""
        sound = True
        for key in required:
            if key not in value:
                self._find("keyword-missing", pointer, f"{what} needs {key!r}")
                sound = False
        for key, item in value.items():
            if key not in table:
                self._find("keyword", (*pointer, key), f"{what} has no keyword {key!r}")
            elif not table[key][0](item):
                self._find("keyword-value", (*pointer, key), f"{key!r} is {table[key][1]}")
                sound = False
        return sound

    def _definition(self, name: str, value: Any, pointer: Pointer) -> None:
        if not _DEF_NAME(name):
            self._find("def-name", pointer, f"{name!r} is not a name for a definition")
        kind = value.get("type") if type(value) is dict else None
        if type(kind) is str and kind in keywords.NOT_DEFINABLE:
            self._find("not-definable", pointer, f"{kind} can't be a definition")
            return
        if type(kind) is str and kind in keywords.PRIMARY:
            if name != "main":
                self._find("primary-not-main", pointer, f"a {kind} is always called main")
            if self._known(value, pointer):
                self._primary(kind, value, pointer)
        elif self._type(value, pointer, definition=True) and kind == "array":
            self._cycle(value, pointer)

    def _known(self, value: Any, pointer: Pointer) -> bool:
        kind = value.get("type") if type(value) is dict else None
        if type(kind) is not str or kind not in keywords.KEYWORDS:
            self._find("type", pointer, f"expected a type of the Lexicon language, not {kind!r}")
            return False
        table, required = keywords.KEYWORDS[kind], keywords.REQUIRED.get(kind, ())
        return self._keywords(value, pointer, table, required, f"type {kind}")

    def _type(self, value: Any, pointer: Pointer, *, definition: bool = False) -> bool:
        """Check a definition that is not primary, or a type inside of one."""
        if not self._known(value, pointer):
            return False
        kind: str = value["type"]
        if kind in keywords.PRIMARY or kind == "params" or (kind == "token" and not definition):
            self._find("type", pointer, f"a {kind} can't stand here")
            return False
        if kind == "object":
            if not definition:
                self._find(
                    "inline-object", pointer, "make this object a definition and refer to it"
                )
            self._properties(value, pointer)
        elif kind == "array":
            return self._type(value["items"], (*pointer, "items"))
        elif kind == "ref":
            self._reference(value["ref"], (*pointer, "ref"), union=False)
        elif kind == "union":
            self._union(value, pointer)
        elif kind == "blob":
            for index, pattern in enumerate(value.get("accept", ())):
                if not _MIME(pattern):
                    self._find(
                        "value", (*pointer, "accept", index), f"{pattern!r} is not a media type"
                    )
        self._constraints(value, pointer)
        return True

    def _properties(self, value: dict[str, Any], pointer: Pointer) -> None:
        properties = value.get("properties", {})
        for name, field in properties.items():
            place = (*pointer, "properties", name)
            if not name or name.startswith("$"):
                self._find("property-name", place, f"{name!r} is not a name for a property")
            if value["type"] == "params":
                self._parameter(field, place)
            else:
                self._type(field, place)
        for keyword in ("required", "nullable"):
            for index, name in enumerate(value.get(keyword, ())):
                if name not in properties:
                    message = f"{keyword} names {name!r}, which is not a property"
                    self._find("required", (*pointer, keyword, index), message)

    def _parameter(self, field: Any, pointer: Pointer) -> None:
        if not self._type(field, pointer):
            return
        kind = field["items"]["type"] if field["type"] == "array" else field["type"]
        if kind not in keywords.PARAMETER_TYPES and field["type"] != "unknown":
            self._find("parameters", pointer, f"a parameter can't be of type {kind}")

    def _union(self, value: dict[str, Any], pointer: Pointer) -> None:
        if value.get("closed") and not value["refs"]:
            self._find("closed-union", pointer, "nothing satisfies a closed union without members")
        for index, reference in enumerate(value["refs"]):
            self._reference(reference, (*pointer, "refs", index), union=True)

    def _reference(self, reference: str, pointer: Pointer, *, union: bool) -> None:
        nsid, mark, name = reference.partition("#")
        if (nsid and not is_nsid(nsid)) or (mark and not _DEF_NAME(name)) or not reference:
            self._find("ref-syntax", pointer, f"{reference!r} is not a reference")
            return
        if (nsid or self._nsid) not in self._defs:
            self._find("ref-unresolved", pointer, f"no lexicon {nsid} in this catalog")
            return
        target = self._defs[nsid or self._nsid].get(name or "main")
        kind = target.get("type") if type(target) is dict else None
        if not isinstance(kind, str):
            message = f"{nsid or self._nsid} has no definition {name or 'main'!r}"
            # Not to be tolerated: the lexicon is here and lacks it.
            self.findings.append(self._document.finding("ref-unresolved", pointer, message))
        elif union and kind not in ("object", "record"):
            self._find("ref-target", pointer, f"a member of a union is an object, not a {kind}")
        elif kind in keywords.PRIMARY - {"record"}:
            self._find("ref-target", pointer, f"a reference can't lead to a {kind}")

    def _cycle(self, value: dict[str, Any], pointer: Pointer) -> None:
        """Follow array items and references from an array; coming back is an endless type."""
        home, seen = self._nsid, set()
        item = value["items"]
        while type(item) is dict and item.get("type") in ("array", "ref"):
            if item["type"] == "array":
                item = item.get("items")
                continue
            nsid, _, name = str(item.get("ref")).partition("#")
            home, name = nsid or home, name or "main"
            if (home, name) in seen or (home, name) == (self._nsid, pointer[-1]):
                self._find("ref-cycle", pointer, "this array contains itself: use an object")
                return
            seen.add((home, name))
            item = self._defs.get(home, {}).get(name)

    def _constraints(self, value: dict[str, Any], pointer: Pointer) -> None:
        if "const" in value and "default" in value:
            self._find(
                "const-and-default", (*pointer, "default"), "const and default exclude each other"
            )
        for low, high in keywords.LIMITS:
            if low in value and high in value and value[low] > value[high]:
                self._find("limits", (*pointer, low), f"{low} is above {high}")
        if "format" in value and value["format"] not in FORMATS:
            message = f"{value['format']!r} is none of {', '.join(FORMATS)}"
            self._find("format", (*pointer, "format"), message)
            return
        for keyword in ("const", "default"):
            if keyword in value:
                self._value(value, value[keyword], (*pointer, keyword))
        for index, item in enumerate(value.get("enum", ())):
            self._value(value, item, (*pointer, "enum", index))

    def _value(self, value: dict[str, Any], item: Any, pointer: Pointer) -> None:
        """Check a value that the lexicon itself gives."""
        problem = None
        if "enum" in value and item not in value["enum"]:
            problem = "not one of the enumeration"
        elif value["type"] == "integer":
            if not value.get("minimum", item) <= item <= value.get("maximum", item):
                problem = "out of range"
        elif value["type"] == "string":
            limits = [
                value.get(f"{end}{what}")
                for what in ("Length", "Graphemes")
                for end in ("min", "max")
            ]
            wrong = check_text(
                item,
                limits[0] or 0,
                2**63 if limits[1] is None else limits[1],
                limits[2] or 0,
                2**63 if limits[3] is None else limits[3],
            )
            if wrong is not None:
                problem = wrong[1]
            elif "format" in value and not FORMATS[value["format"]](item):
                problem = f"not a valid {value['format']}"
        if problem is not None:
            self._find(
                "value", pointer, f"{item!r} breaks a constraint of its own field: {problem}"
            )

    def _primary(self, kind: str, value: dict[str, Any], pointer: Pointer) -> None:
        if kind == "record":
            self._record(value, pointer)
        elif kind == "permission-set":
            for index, permission in enumerate(value["permissions"]):
                place = (*pointer, "permissions", index)
                if type(permission) is not dict or permission.get("type") != "permission":
                    self._find("permissions", place, "expected an object of type permission")
                elif type(permission.get("resource")) is not str:
                    self._find("permissions", place, "a permission names its resource")
        else:
            self._endpoint(value, pointer)

    def _record(self, value: dict[str, Any], pointer: Pointer) -> None:
        key = value["key"]
        literal = key.removeprefix("literal:") if key.startswith("literal:") else None
        if key not in ("tid", "nsid", "any") and not (literal and is_record_key(literal)):
            self._find("record-key", (*pointer, "key"), f"{key!r} is not a kind of record key")
        place = (*pointer, "record")
        if value["record"].get("type") != "object":
            self._find("type", place, "a record is an object")
        elif self._known(value["record"], place):
            self._properties(value["record"], place)

    def _endpoint(self, value: dict[str, Any], pointer: Pointer) -> None:
        if "parameters" in value:
            place = (*pointer, "parameters")
            if value["parameters"].get("type") != "params":
                self._find("parameters", place, "parameters are of type params")
            elif self._known(value["parameters"], place):
                self._properties(value["parameters"], place)
        for name in ("input", "output"):
            if name in value and self._keywords(
                value[name], (*pointer, name), keywords.BODY, ("encoding",), "a body"
            ):
                self._body(value[name], (*pointer, name), ("object", "ref", "union"))
        if "message" in value and self._keywords(
            value["message"], (*pointer, "message"), keywords.MESSAGE, (), "a message"
        ):
            self._body(value["message"], (*pointer, "message"), ("union", "ref"))
        for index, error in enumerate(value.get("errors", ())):
            place = (*pointer, "errors", index)
            if type(error) is not dict:
                self._find("body", place, "an error is an object with a name")
            else:
                self._keywords(error, place, keywords.ERROR, ("name",), "an error")

    def _body(self, value: dict[str, Any], pointer: Pointer, allowed: tuple[str, ...]) -> None:
        if "schema" not in value:
            return
        schema, place = value["schema"], (*pointer, "schema")
        if schema.get("type") not in allowed:
            self._find("body", place, f"expected one of: {', '.join(allowed)}")
        elif schema["type"] != "object":
            self._type(schema, place)
        elif self._known(schema, place):
            self._properties(schema, place)
