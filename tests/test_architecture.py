"""Imports go one way: between the roots, and between the floors of the runtime."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RUNTIME = ROOT / "src" / "atdata"

# A room imports from lower floors, and from its own.
FLOORS = (
    {
        "errors",
        "base",
        "_protocols",
        "_extras",
        "_folders",
        "_arguments",
        "_installed",
        "_labels",
        "_metadata",
        "display",
        "order",
        "progress",
        "engines",
    },
    {"samples"},
    {"shards"},
    {"sources", "stores"},
    {
        "dataset",
        "typed",
        "passes",
        "walking",
        "shuffling",
        "describing",
        "reading",
        "seeking",
        "writing",
        "arrow_columns",
        "export",
        "as_torch",
    },
    {"local", "atmosphere"},
    {"promote", "load", "lifecycle"},
    {"appview", "testing", "cli", "__main__"},
)
# Neighbours on one floor that must not know each other.
STRANGERS = {("local", "atmosphere"), ("atmosphere", "local")}
HEAVY = ("boto3", "redis", "atproto", "webdataset", "torch", "ray", "httpx", "jinja2")


def imports(path: Path) -> Iterator[str]:
    """Modules that a file imports when it runs: not those for type checkers only."""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def files(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("*.py"))
    assert found
    return found


def room_of(module: str) -> str | None:
    """The room of a module of the runtime; None for other packages and for the face's names."""
    package, _, rest = module.partition(".")
    room = rest.partition(".")[0]
    if package != "atdata" or not room:
        return None
    there = (RUNTIME / room).is_dir() or (RUNTIME / f"{room}.py").is_file()
    return room if there else None


def floor(room: str) -> int:
    (number,) = (number for number, rooms in enumerate(FLOORS) if room in rooms)
    return number


@pytest.mark.parametrize(
    ("folder", "refused"),
    [
        ("generated", {"atdata", "lexgen", "numpy"}),
        ("src", {"lexgen", "jinja2"}),
        ("codegen", {"atdata"}),
    ],
)
def test_roots_import_one_way(folder: str, refused: set[str]) -> None:
    for path in files(ROOT / folder):
        for module in imports(path):
            assert module.partition(".")[0] not in refused, f"{path} imports {module}"


def test_rooms_import_downward() -> None:
    for path in files(RUNTIME):
        room = path.relative_to(RUNTIME).parts[0].removesuffix(".py")
        if room == "__init__":
            continue
        for module in imports(path):
            other = room_of(module)
            if other is not None:
                assert floor(other) <= floor(room), f"{path} imports {module}"
                assert (room, other) not in STRANGERS, f"{path} imports {module}"


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(json.loads(answer.stdout))


def test_importing_atdata_loads_nothing_heavy() -> None:
    assert not loaded_by("import atdata") & {*HEAVY, "numpy"}


@pytest.mark.parametrize(
    "statement",
    [
        "from atdata import Dataset, packable, URLSource, S3Source",
        "import atdata.local",
        "import atdata.atmosphere",
    ],
)
def test_the_face_loads_no_optional_dependency(statement: str) -> None:
    assert not loaded_by(statement) & set(HEAVY)


def test_every_public_name_is_there() -> None:
    import atdata

    for name in atdata.__all__:
        assert getattr(atdata, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        atdata.no_such_name  # noqa: B018
