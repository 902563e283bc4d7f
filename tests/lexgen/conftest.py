"""Fixtures: the official test vectors, and packages generated for one test."""

from __future__ import annotations

import importlib
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lexgen.catalog import load_files
from lexgen.emit.package import package_files

_numbers = itertools.count()


@pytest.fixture(scope="session")
def interop() -> Path:
    """The folder of atproto-interop-tests: ``ATDATA_INTEROP_DIR``, or next to the repository."""
    beside = Path(__file__).parents[3] / "shared" / "vectors" / "interop"
    folder = Path(os.environ.get("ATDATA_INTEROP_DIR", beside))
    if not folder.is_dir():
        message = f"no official test vectors in {folder}: set ATDATA_INTEROP_DIR"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return folder


@pytest.fixture(scope="session")
def generate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., ModuleType]]:
    """Generate a package from lexicons, given by path below their folder, and import it."""
    folder = tmp_path_factory.mktemp("generated")
    sys.path.insert(0, str(folder))

    def generate_package(
        files: Mapping[str, bytes] | list[dict[str, Any]], *, third_party: bool = False
    ) -> ModuleType:
        if isinstance(files, list):
            files = {f"{d['id'].replace('.', '/')}.json": json.dumps(d).encode() for d in files}
        name = f"generated_{next(_numbers)}"
        catalog = load_files(files, third_party=third_party).sound_catalog()
        for path, text in package_files(catalog, name).items():
            target = folder / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8")
        importlib.invalidate_caches()
        return importlib.import_module(name)

    yield generate_package
    sys.path.remove(str(folder))
    for module in [name for name in sys.modules if name.startswith("generated_")]:
        del sys.modules[module]


@pytest.fixture(scope="session")
def interop_catalog(interop: Path, generate: Callable[..., ModuleType]) -> ModuleType:
    """The five official catalog documents, unmodified, as a generated package."""
    folder = interop / "lexicon" / "catalog"
    files = {path.name: path.read_bytes() for path in sorted(folder.glob("*.json"))}
    return generate(files, third_party=True)
