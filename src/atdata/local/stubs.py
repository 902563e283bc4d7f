"""A folder of stub files, by which editors know what decoded sample types look like."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from atdata._folders import data_folder
from atdata.local.stub_text import stub_text

_PACKAGE = "local"
_SUFFIX = ".pyi"


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


def _module(name: str, version: str) -> str:
    return re.sub(r"\W", "_", f"{name}_{version}")
