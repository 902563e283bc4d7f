"""Names in lexicons to names in Python: one rule, stated here.

* A property becomes snake_case; characters other than ASCII letters, digits and ``_`` become
  ``_``. A name that would start with a digit or ``_`` gets the prefix ``field``.
* A definition becomes PascalCase; ``main`` takes the last segment of the NSID. A token becomes
  UPPER_CASE.
* A segment of an NSID becomes a module name: ``-`` becomes ``_``, and a leading digit gets a
  ``_`` before it.
* What would then be a Python keyword, a builtin type, or a name that every generated class has,
  gets a ``_`` after it. Two names that end up equal are an error.
"""

from __future__ import annotations

import keyword
import re

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_OTHER = re.compile(r"[^a-zA-Z0-9_]")

# Annotations and decorators in a generated class body look these up by their bare names.
_BUILTIN_TYPES = frozenset(
    kind.__name__
    for kind in (
        *(bool, bytes, classmethod, dict, float, frozenset, int, list, object),
        *(property, set, staticmethod, str, tuple, type),
    )
)
_OBJECT_MEMBERS = frozenset(
    ("extra", "from_cbor", "from_dict", "from_json", "to_cbor", "to_dict", "to_json", "validate")
)
_RECORD_MEMBERS = frozenset(("cid",))


def snake_case(name: str) -> str:
    """``schemaRef`` to ``schema_ref``."""
    return _WORDS.sub("_", _OTHER.sub("_", name)).lower()


def field_name(key: str, *, in_record: bool = False) -> str:
    """The attribute that holds a property."""
    name = snake_case(key)
    if not name or name[0] == "_" or name[0].isdigit():
        name = f"field{'' if name[:1] == '_' else '_'}{name}"
    taken = name in _BUILTIN_TYPES or name in _OBJECT_MEMBERS or keyword.iskeyword(name)
    return f"{name}_" if taken or (in_record and name in _RECORD_MEMBERS) else name


def class_name(nsid: str, definition: str) -> str:
    """The class of a definition; an inline object's is named for the way to it."""
    first, *inner = definition.split(".")
    parts = [nsid.rpartition(".")[2] if first == "main" else first, *inner]
    name = "".join(_capital(_OTHER.sub("_", part)) for part in parts)
    return f"{name}_" if keyword.iskeyword(name) else name


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def constant_name(nsid: str, definition: str) -> str:
    """The constant of a token."""
    return snake_case(class_name(nsid, definition)).upper()


def function_suffix(nsid: str, definition: str) -> str:
    """What follows ``_read_`` in the name of a definition's reader."""
    return snake_case(class_name(nsid, definition))


def module_parts(nsid: str) -> tuple[str, ...]:
    """The module of an NSID, below the package."""
    return tuple(map(_module_part, nsid.split(".")))


def _module_part(segment: str) -> str:
    name = snake_case(segment)
    if name[0].isdigit():
        name = f"_{name}"
    return f"{name}_" if keyword.iskeyword(name) else name
