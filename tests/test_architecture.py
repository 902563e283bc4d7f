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

# Rooms and loose modules of the runtime, from the ground up. A room imports from lower floors, and
# from its own; what only type checkers read counts too.
FLOORS: tuple[set[str], ...] = (
    {"_version", "aliases", "errors", "progress", "base", "engines"},
    {"samples"},
    {"shards"},
    {"storage"},
    {"cache"},
    {"sources"},
    {"reading"},
    {"export"},
    {"dataset"},
    {"_protocols"},
    {"stores", "writing", "testing"},
    {"local", "atmosphere"},
    {"load", "promote", "lifecycle"},
    {"appview", "cli"},
    {"__init__", "__main__"},
)
# The same inside of the rooms that have rooms of their own.
INNER_FLOORS: dict[str, tuple[set[str], ...]] = {
    "appview": (
        {"caching", "clients", "events", "logs", "rate_limit", "workers"},
        {"database"},
        {"proxy"},
        {"ingest"},
        {"web"},
        {"metrics", "service"},
    ),
    "lifecycle": (
        {"anchor", "codes", "report"},
        {"serving"},
        {"checks"},
        {"pack", "pack_check", "verify", "verify_pack", "publish", "collect", "catalog"},
    ),
}
# The modules that are in no room: faces, and words that all share.
LOOSE = {
    *("__init__", "__main__", "_protocols", "_version", "aliases", "dataset", "errors", "load"),
    *("progress", "promote", "writing"),
}
# Neighbours on one floor that must not know each other.
STRANGERS = {("local", "atmosphere"), ("atmosphere", "local"), ("appview", "cli")}
HEAVY = ("boto3", "redis", "atproto", "webdataset", "torch", "ray", "httpx", "jinja2")


def imports(path: Path) -> Iterator[str]:
    """Modules and names that a file imports anywhere, for type checkers too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def files(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("*.py"))
    assert found
    return found


def module_of(path: Path) -> str:
    """The module's name below ``atdata``, with ``__init__`` for a package's own file."""
    return ".".join(path.relative_to(RUNTIME).with_suffix("").parts)


def arrows() -> dict[str, set[str]]:
    """The modules of the runtime that each one imports."""
    modules = {module_of(path) for path in files(RUNTIME)}
    drawn = {}
    for path in files(RUNTIME):
        targets = {target_of(*names, modules=modules) for names in imported_names(path)}
        drawn[module_of(path)] = {target for target in targets if target} - {module_of(path)}
    return drawn


def imported_names(path: Path) -> Iterator[tuple[str, str]]:
    """Each name that a file imports of the runtime, and the module that it asks for it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((name.name, "") for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield from ((node.module, name.name) for name in node.names)


def target_of(asked: str, name: str, *, modules: set[str]) -> str | None:
    """The module that is imported: the name itself may be one. None outside of the runtime."""
    root, _, inside = asked.partition(".")
    if root != "atdata":
        return None
    ways = (f"{inside}.{name}", f"{inside}.{name}.__init__", inside, f"{inside}.__init__")
    return next(way for way in (way.strip(".") for way in ways) if way in modules)


def floor(name: str, floors: tuple[set[str], ...]) -> int:
    (number,) = (number for number, names in enumerate(floors) if name in names)
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


def test_every_loose_module_is_known() -> None:
    loose = {path.stem for path in RUNTIME.glob("*.py")}
    assert loose == LOOSE


def test_rooms_import_downward() -> None:
    for module, imported in arrows().items():
        room = module.partition(".")[0]
        for other in imported - {"__init__"}:
            to = other.partition(".")[0]
            assert floor(to, FLOORS) <= floor(room, FLOORS), f"{module} imports {other}"
            assert (room, to) not in STRANGERS, f"{module} imports {other}"


def test_nothing_inside_imports_the_face() -> None:
    """It is lazy, and for users: inside, every name has a home of its own."""
    assert [module for module, imported in arrows().items() if "__init__" in imported] == []


@pytest.mark.parametrize("room", INNER_FLOORS)
def test_rooms_of_a_room_import_downward(room: str) -> None:
    floors = INNER_FLOORS[room]
    for module, imported in arrows().items():
        home, _, rest = module.partition(".")
        part = rest.partition(".")[0]
        if home != room or part == "__init__":
            continue
        for other in imported:
            to_room, _, to_rest = other.partition(".")
            to = to_rest.partition(".")[0]
            if to_room == room and to != "__init__":
                assert floor(to, floors) <= floor(part, floors), f"{module} imports {other}"


def test_there_are_no_circles() -> None:
    drawn = arrows()
    done: set[str] = set()

    def walk(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path[path.index(module) :], module))
        if module not in done:
            for other in drawn[module]:
                walk(other, (*path, module))
            done.add(module)

    for module in drawn:
        walk(module, ())


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
