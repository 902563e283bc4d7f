"""A folder of stub files, which describe decoded sample types to editors."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from atdata.base.disk import write_file
from atdata.base.folders import data_folder
from atdata.errors import SchemaError, StorageError
from atdata.samples.stub_text import stub_text

_PACKAGE = "local"
_SUFFIX = ".pyi"


class StubFolder:
    """A folder of stubs, one module for each version of a schema.

    Args:
        root: The folder, made if it is missing; by default ``atdata/stubs`` in the user's XDG
            data folder. Put it on your editor's search path.
    """

    def __init__(self, root: str | os.PathLike[str] | None = None) -> None:
        self.root = data_folder() / "stubs" if root is None else Path(root).expanduser()

    def write(self, sample_type: type[Any], name: str, version: str) -> Path:
        """Write the stub of a decoded type and return its path.

        Raises:
            SchemaError: The file system ignores case, and the folder has the stub of a schema whose
                name differs only in case.
            StorageError: The file can't be written.
        """
        path = self.root / _PACKAGE / (_module(name, version) + _SUFFIX)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and path.name not in os.listdir(path.parent):
                raise SchemaError(
                    f"the stub of {name!r} would replace that of a schema of the same letters",
                    hint="Rename one of the classes, or give this index a stub_dir of its own.",
                )
            write_file(path, stub_text(sample_type, name).encode())
        except OSError as error:
            raise StorageError(
                f"the stub of {name!r} can't be written: {error.strerror}",
                uri=str(path),
                hint="Check the folder, or name another one: LocalIndex(stub_dir=...).",
            ) from error
        return path

    def import_path(self, name: str, version: str) -> str:
        """Return a type's module name for type checkers, such as ``local.Sample_1_0_0``."""
        return f"{_PACKAGE}.{_module(name, version)}"

    def clear(self) -> int:
        """Remove all stubs; return how many there were."""
        stubs = list((self.root / _PACKAGE).glob(f"*{_SUFFIX}"))
        for path in stubs:
            path.unlink(missing_ok=True)
        return len(stubs)


def _module(name: str, version: str) -> str:
    return re.sub(r"\W", "_", f"{name}_{version}")
