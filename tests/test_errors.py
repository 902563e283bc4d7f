from __future__ import annotations

import ast
import builtins
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from atdata import Dataset, errors, load_dataset
from atdata.errors import (
    AtdataError,
    MissingFile,
    NetworkError,
    ShardError,
    StorageError,
    UrlError,
    XrpcError,
)
from atdata.shards.info import inspect_shard

TREE = re.findall(
    r"^    ([│ ]*)(?:[├└]── )?(\w+)(?: +\((\w+)\))?(?:  |$)", errors.__doc__ or "", re.M
)
KINDS: list[type[Any]] = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, AtdataError)
]
SOURCES = Path(errors.__file__).parent
PLACE: dict[str, Any] = {
    "uri": "s3://b/k", "shard": "0.tar", "member": "a.msgpack", "offset": 512, "path": "a.b",
}  # fmt: skip


def test_the_documented_tree_is_the_tree() -> None:
    assert {name for _, name, _ in TREE} == {kind.__name__ for kind in KINDS}
    for _, name, builtin in TREE:
        if builtin:
            assert issubclass(getattr(errors, name), getattr(builtins, builtin))


@pytest.mark.parametrize("kind", KINDS)
def test_errors_keep_all_they_say_between_processes(kind: Any) -> None:
    error = kind("it broke", hint="Mend it.", code="BROKEN", **PLACE)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)
    assert (again.message, again.hint, again.code) == ("it broke", "Mend it.", "BROKEN")
    assert again.place() == error.place() == PLACE


def test_the_text_says_what_where_and_what_to_do() -> None:
    error = ShardError("it broke", hint="Mend it.", shard="0.tar", offset=0)
    assert str(error) == "it broke (shard 0.tar, offset 0)\n  Mend it."
    assert str(UrlError("no URL")) == "no URL"
    assert ShardError("it broke").code == ""


def hints(path: Path) -> Iterator[str]:
    """The hints in a module that are written down as text; values in them become ``…``."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.keyword) and node.arg == "hint":
            yield "".join(texts(node.value))


def texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant):
        yield node.value or ""
    elif isinstance(node, ast.JoinedStr):
        for part in node.values:
            yield from texts(part) if isinstance(part, ast.Constant) else ["…"]
    elif isinstance(node, ast.IfExp):
        yield from texts(node.body)


def test_hints_are_sentences_or_end_with_a_command() -> None:
    sentence = re.compile(r"[A-Z`…].*(?:[.…]|: [a-z].*)", re.S)
    found = {hint for path in SOURCES.rglob("*.py") for hint in hints(path)} - {""}
    assert len(found) > 100
    assert {hint for hint in found if not sentence.fullmatch(hint)} == set()


def test_what_is_known_of_an_answer_is_kept() -> None:
    error = NetworkError.passing("busy")
    error.retry_after, error.status = 2.5, 503
    again = pickle.loads(pickle.dumps(error))
    assert (again.transient, again.retry_after, again.status) == (True, 2.5, 503)
    refused = pickle.loads(pickle.dumps(XrpcError.answer(400, "InvalidSwap", "", uri="https://a")))
    assert (refused.status, refused.code, refused.transient) == (400, "InvalidSwap", False)


def test_a_missing_file_is_the_builtin_error_too(tmp_path: Path) -> None:
    missing = tmp_path / "missing.tar"
    for read in (
        lambda: inspect_shard(missing),
        lambda: list(Dataset(missing)),
        lambda: load_dataset(missing),
        lambda: load_dataset(tmp_path / "*.tar"),
    ):
        with pytest.raises(FileNotFoundError) as caught:
            read()
        assert isinstance(caught.value, MissingFile)
        assert isinstance(caught.value, StorageError)
