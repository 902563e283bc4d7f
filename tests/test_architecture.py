"""Imports go one way: between the roots, and between the floors of the runtime."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RUNTIME = ROOT / "src" / "atdata"

# Rooms and loose modules of the runtime, from the ground up. A room imports from lower floors, and
# from its own; what only type checkers read counts too.
FLOORS: tuple[set[str], ...] = (
    {"_version", "aliases", "errors", "progress", "base", "engines"},
    {"samples", "lens"},
    {"shards"},
    {"storage"},
    {"cache"},
    {"sources"},
    {"reading"},
    {"export"},
    {"dataset"},
    {"_protocols"},
    {"stores", "writing", "importing", "testing"},
    {"local", "atmosphere"},
    {"load", "promote", "lifecycle", "migrating"},
    {"appview", "cli"},
    {"__init__", "__main__"},
)
# The same inside of the rooms that have rooms of their own.
INNER_FLOORS: dict[str, tuple[set[str], ...]] = {
    "appview": (
        {"caching", "clients", "events", "logs", "rate_limit", "records", "threads", "workers"},
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
    *("__init__", "__main__", "_protocols", "_version", "aliases", "dataset", "errors", "lens"),
    *("load", "migrating", "progress", "promote", "writing"),
}
# Neighbours on one floor that must not know each other.
APART = {("local", "atmosphere"), ("atmosphere", "local"), ("appview", "cli")}
# Private names that their projects' own documentation tells users to use.
DOCUMENTED = {"_exit", "_getframe", "_utils"}  # of os, sys and torch.utils.data
HEAVY = (
    *("boto3", "redis", "atproto", "webdataset", "torch", "ray", "httpx", "jinja2"),
    *("PIL", "soundfile", "av", "ml_dtypes"),
)


@cache
def nodes(path: Path) -> list[ast.AST]:
    """All nodes of a file's syntax tree."""
    return list(ast.walk(ast.parse(path.read_text())))


def imports(path: Path) -> Iterator[str]:
    """Modules and names that a file imports anywhere, for type checkers too."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def files(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("*.py"))
    assert found
    return found


def module_of(path: Path, package: Path = RUNTIME) -> str:
    """The module's name below its package, with ``__init__`` for a package's own file."""
    return ".".join(path.relative_to(package).with_suffix("").parts)


@cache
def arrows(package: Path = RUNTIME) -> dict[str, set[str]]:
    """The modules of a package that each one imports."""
    modules = {module_of(path, package) for path in files(package)}
    drawn = {}
    for path in files(package):
        module = module_of(path, package)
        targets = {
            target_of(*names, package=package.name, modules=modules)
            for names in imported_names(path)
        }
        drawn[module] = {target for target in targets if target} - {module}
    return drawn


def imported_names(path: Path) -> Iterator[tuple[str, str]]:
    """The modules that a file imports, each with a name that it asks of it, if any."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from ((name.name, "") for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield from ((node.module, name.name) for name in node.names)


def target_of(asked: str, name: str, *, package: str, modules: set[str]) -> str | None:
    """The module that is imported: the name itself may be one. None outside of the package."""
    root, _, inside = asked.partition(".")
    if root != package:
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
            assert (room, to) not in APART, f"{module} imports {other}"


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


@pytest.mark.parametrize("package", [RUNTIME, ROOT / "codegen" / "lexgen"], ids=lambda p: p.name)
def test_there_are_no_circles(package: Path) -> None:
    """What only type checkers import counts too."""
    drawn = arrows(package)
    done: set[str] = set()

    def walk(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path[path.index(module) :], module))
        if module not in done:
            for other in drawn[module]:
                walk(other, (*path, module))
            done.add(module)

    for module in drawn:
        walk(module, ())


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """The calls in a file, by the last part of the name that is called."""
    for node in nodes(path):
        if isinstance(node, ast.Call):
            name = node.func
            yield getattr(name, "attr", getattr(name, "id", "")), node


def modules_where(matches: Callable[[str, ast.Call], bool]) -> set[str]:
    """The modules of the runtime with a call that matches."""
    return {
        module_of(path)
        for path in files(RUNTIME)
        if any(matches(name, call) for name, call in calls(path))
    }


def renames(name: str, call: ast.Call) -> bool:
    """Whether a call renames a file; ``replace`` of text takes two arguments, of times names."""
    return name == "rename" or (name == "replace" and len(call.args) == 1 and not call.keywords)


def test_files_are_flushed_in_one_module() -> None:
    """``fsync`` behaves differently on each system, and its failures may be reported only once."""
    assert modules_where(lambda name, _: name in ("fsync", "fdatasync")) == {"base.disk"}


def test_flush_and_rename_are_together_in_one_room_only() -> None:
    """Names that appear before their bytes are on the disk are lost data after a crash."""
    flushing = modules_where(lambda name, _: name in ("sync_file", "sync_data", "sync_folder"))
    both = {name for name in modules_where(renames) & flushing if not name.startswith("base.")}
    assert both == set()


def test_the_current_time_is_written_in_one_module() -> None:
    def writes_now(name: str, call: ast.Call) -> bool:
        return name == "isoformat" and "now(" in ast.unparse(call.func)

    assert modules_where(writes_now) == {"base.clock"}


def test_variable_length_integers_are_read_in_one_module() -> None:
    continued = re.compile(r"0x7f\b|\b127\b|\b0x80\b|\b128\b", re.IGNORECASE)
    shifting = {
        module_of(path)
        for path in files(RUNTIME)
        if "<< shift" in path.read_text() and continued.search(path.read_text())
    }
    assert shifting == {"base.varint"}


def test_cids_are_written_in_the_records_package_and_for_ipfs_only() -> None:
    """Those of IPFS have more kinds than records may hold."""
    assert modules_where(lambda name, _: name == "b32encode") == {"storage.ipfs.cids"}


def test_no_private_name_of_another_project_is_used() -> None:
    """They change without notice, in any release."""
    private = {
        f"{module_of(path)}: {name}"
        for path in files(RUNTIME)
        for name in imports(path)
        if not name.startswith("atdata") and re.search(r"(?:^|\.)_(?!_)", name)
    }
    assert private == set()
    assert {found for path in files(RUNTIME) for found in private_attributes(path)} == set()


def private_attributes(path: Path) -> Iterator[str]:
    """Private attributes of objects whose class is not one of the runtime's.

    A name that any class or module of the runtime defines is taken for its own.
    """
    for node in nodes(path):
        if isinstance(node, ast.Attribute) and re.match(r"_(?!_)", node.attr):
            used = ast.unparse(node)
            if node.attr not in own_private_names() | DOCUMENTED:
                yield f"{module_of(path)}: {used}"


@cache
def own_private_names() -> set[str]:
    """The private names that the runtime defines or sets on ``self``."""
    found = set()
    for path in files(RUNTIME):
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                found |= {node.attr} if ast.unparse(node.value) in ("self", "cls") else set()
    return found


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
