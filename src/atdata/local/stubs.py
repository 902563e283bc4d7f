"""Stub files for editors: what a decoded sample type looks like, as text for type checkers.

A stub is data. It is put together from words of ours and from names that were checked to be
identifiers; nothing else of a schema enters it, and nothing ever runs it.
"""

from __future__ import annotations

import keyword
import os
import re
from datetime import date, datetime
from pathlib import Path
from typing import Any

from atdata._folders import data_folder
from atdata.errors import SchemaError
from atdata.samples import kinds
from atdata.samples.fields import Field, fields_of
from atdata.samples.kinds import Kind

_PACKAGE = "local"
_SUFFIX = ".pyi"
_HEADER = """\
# A sample type of a local index. For editors and type checkers only.
from datetime import date, datetime
from typing import Any

from atdata import PackableSample
from numpy.typing import NDArray
"""
_WORDS = {one: one.__name__ for one in (str, bytes, bool, int, float, datetime, date)}


class StubFolder:
    """A folder of stubs, one module for each version of a schema.

    Args:
        root: The folder, made when it is missing; by default ``atdata/stubs`` in the user's XDG
            data folder. Put it on your editor's search path.
    """

    def __init__(self, root: str | os.PathLike[str] | None = None) -> None:
        self.root = data_folder() / "stubs" if root is None else Path(root).expanduser()

    def write(self, sample_type: type[Any], name: str, version: str) -> Path:
        """Write the stub of a decoded type and return its path."""
        path = self.root / _PACKAGE / (_module(name, version) + _SUFFIX)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(stub_text(sample_type, name), encoding="utf-8")
        temporary.replace(path)
        return path

    def import_path(self, name: str, version: str) -> str:
        """The module that a type checker knows the type by, such as ``local.Sample_1_0_0``."""
        return f"{_PACKAGE}.{_module(name, version)}"

    def clear(self) -> int:
        """Remove all stubs; return how many there were."""
        stubs = list((self.root / _PACKAGE).glob(f"*{_SUFFIX}"))
        for path in stubs:
            path.unlink(missing_ok=True)
        return len(stubs)


def stub_text(sample_type: type[Any], name: str) -> str:
    """The stub of a sample type.

    Args:
        sample_type: A packable class.
        name: What it is called: a name that a class can have.

    Raises:
        SchemaError: The name is none that a class can have.
    """
    if not _is_name(name):
        raise SchemaError(f"{name!r} can't name a class")
    fields = [field for field in fields_of(sample_type) if _is_name(field.name)]
    attributes = [f"    {field.name}: {_annotation(field.kind)}\n" for field in fields]
    positional = [_parameter(field) for field in fields if not field.keyword_only]
    keywords = [_parameter(field) for field in fields if field.keyword_only]
    parameters = ["self", *positional, *(["*", *keywords] if keywords else [])]
    init = f"    def __init__({', '.join(parameters)}) -> None: ...\n"
    return f"{_HEADER}\nclass {name}(PackableSample):\n{''.join(attributes)}{init}"


def _module(name: str, version: str) -> str:
    return re.sub(r"\W", "_", f"{name}_{version}")


def _is_name(text: str) -> bool:
    return text.isidentifier() and not keyword.iskeyword(text)


def _parameter(field: Field) -> str:
    return f"{field.name}: {_annotation(field.kind)}{'' if field.required else ' = ...'}"


def _annotation(kind: Kind) -> str:
    match kind:
        case kinds.Scalar() | kinds.Moment() if kind.type in _WORDS:
            return _WORDS[kind.type]
        case kinds.ArrayOf():
            return "NDArray[Any]"
        case kinds.Nullable():
            return f"{_annotation(kind.inner)} | None"
        case kinds.Sequence(container=container) if container is list:
            return f"list[{_annotation(kind.item)}]"
        case kinds.Sequence():
            return f"tuple[{_annotation(kind.item)}, ...]"
        case kinds.Row():
            return f"tuple[{', '.join(map(_annotation, kind.items))}]"
        case kinds.Table():
            return f"dict[str, {_annotation(kind.value)}]"
    return "Any"
