"""The kind of change between two versions of a schema, and the version that follows from it.

===========  ===================================================================================
step         the new document, beside the latest one
===========  ===================================================================================
major        breaks readers or data: a field is gone, has another type, shape, dtype or member, lost
             its default, or is new and has no default; unknown fields are refused from now on
minor        adds: fields with defaults; or changes defaults, the order of the fields, which are
             keyword-only, the names of classes (but not of enums), or what else happens to
             unknown fields
patch        changes descriptions only, or nothing
===========  ===================================================================================

Every other change is a major one, because it is not known to be compatible. Fields are matched by
name. If two documents with fields share at most half of the field names of the smaller one, they
describe different classes, and the new one needs another name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import IntEnum
from typing import Any
from urllib.parse import unquote

from atdata.errors import SchemaConflict
from atdata.samples.canonical import canonical_text
from atdata.samples.versions import difference, version_order

_Document = Mapping[str, Any]
_DESCRIPTION, _DEFAULT, _FIELDS = "description", "default", "properties"
# Keywords of a class as a whole; its fields are compared one by one.
_OF_CLASSES = frozenset({_DESCRIPTION, _FIELDS, "required", "additionalProperties", "$defs"})


class Step(IntEnum):
    """The part of a semantic version that a change counts up."""

    PATCH = 0
    MINOR = 1
    MAJOR = 2


def following_version(latest: str, published: _Document, offered: _Document) -> str:
    """Return the version of a changed schema, by the rules of this module.

    Args:
        latest: The latest published version.
        published: Its document.
        offered: The document to be published.

    Raises:
        SchemaConflict: They describe two classes that have only the name in common.
    """
    if not _are_related(published, offered):
        name = offered.get("title", "the class")
        raise SchemaConflict(
            f"{name} {latest} is published, and has other fields:\n"
            + difference(canonical_text(published), canonical_text(offered)),
            hint="If this is another class, rename it. If it is a new version of the same one, "
            f'say so: publish_schema({name}, version="{_next(latest, Step.MAJOR)}").',
        )
    return _next(latest, step_between(published, offered))


def step_between(published: _Document, offered: _Document) -> Step:
    """Return the kind of change from one document to another."""
    return _Comparison(published, offered).step()


def _next(version: str, step: Step) -> str:
    major, minor, patch = version_order(version)[:3]
    if step is Step.MAJOR:
        return f"{major + 1}.0.0"
    return f"{major}.{minor + 1}.0" if step is Step.MINOR else f"{major}.{minor}.{patch + 1}"


def _are_related(published: _Document, offered: _Document) -> bool:
    old, new = (set(document.get(_FIELDS, ())) for document in (published, offered))
    return len(old & new) * 2 > min(len(old), len(new)) or not (old and new)


class _Comparison:
    """Two documents, walked side by side. References point into each one's own ``$defs``."""

    def __init__(self, old: _Document, new: _Document) -> None:
        self._old, self._new = old, new
        self._seen: set[tuple[str, str]] = set()

    def step(self) -> Step:
        return self._classes(self._old, self._new)

    def _values(self, old: Any, new: Any) -> Step:
        if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
            return max(map(self._values, old, new), default=Step.PATCH)
        if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
            return Step.PATCH if old == new and type(old) is type(new) else Step.MAJOR
        if "$ref" in old and "$ref" in new:
            return max(self._references(old["$ref"], new["$ref"]), self._rest(old, new, {"$ref"}))
        if _FIELDS in old and _FIELDS in new:
            return self._classes(old, new)
        return self._rest(old, new, set())

    def _references(self, old: str, new: str) -> Step:
        if (old, new) in self._seen:
            return Step.PATCH
        self._seen.add((old, new))
        renamed = Step.PATCH if old == new else Step.MINOR
        return max(renamed, self._values(_target(self._old, old), _target(self._new, new)))

    def _classes(self, old: _Document, new: _Document) -> Step:
        before, after = old[_FIELDS], new[_FIELDS]
        steps = [self._values(before[name], after[name]) for name in before.keys() & after.keys()]
        if before.keys() - after.keys():
            steps.append(Step.MAJOR)
        for name in after.keys() - before.keys():
            steps.append(Step.MINOR if _DEFAULT in after[name] else Step.MAJOR)
        if old.get("additionalProperties") != new.get("additionalProperties"):
            refuses = new.get("additionalProperties") is False
            steps.append(Step.MAJOR if refuses else Step.MINOR)
        others = (old.keys() | new.keys()) - _OF_CLASSES
        if any(old.get(key) != new.get(key) for key in others):
            steps.append(Step.MINOR)
        return max(steps, default=Step.PATCH)

    def _rest(self, old: _Document, new: _Document, done: set[str]) -> Step:
        steps = [Step.PATCH]
        for key in (old.keys() | new.keys()) - done - {_DESCRIPTION}:
            if key == _DEFAULT:
                steps.append(_of_default(old, new))
            elif key in old and key in new:
                steps.append(self._values(old[key], new[key]))
            else:
                steps.append(Step.MAJOR)
        return max(steps)


def _of_default(old: _Document, new: _Document) -> Step:
    if _DEFAULT not in new:
        return Step.MAJOR  # data that lacks the field can't be read any more
    # As JSON, where true is not 1.
    same = _DEFAULT in old and json.dumps(old[_DEFAULT]) == json.dumps(new[_DEFAULT])
    return Step.PATCH if same else Step.MINOR


def _target(document: _Document, reference: str) -> Any:
    name = unquote(reference.removeprefix("#/$defs/"))
    return document if reference == "#" else document.get("$defs", {}).get(name)
