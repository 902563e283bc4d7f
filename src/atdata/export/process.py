"""A function over the shards of a dataset, on any engine; finished shards are not done again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from atdata.base.disk import make_folder, write_file
from atdata.engines import Engine
from atdata.errors import StorageError
from atdata.export.source import Exportable
from atdata.storage.urls import redacted

T = TypeVar("T")
Result = TypeVar("Result")


def process_shards(
    dataset: Exportable[T],
    function: Callable[[list[T]], Result],
    *,
    engine: Engine | None = None,
    checkpoints: str | os.PathLike[str] | None = None,
) -> dict[str, Result]:
    """Call a function with the samples of each shard.

    Args:
        dataset: The samples.
        function: Takes a list of the samples of one shard. For an engine with other processes it
            must be a function of a module.
        engine: Runs the calls, see :func:`atdata.engines.engine`; None for this process.
        checkpoints: A folder that all workers see, to keep each result as JSON. The same call,
            made again after it was stopped, does the missing shards only. Use another folder
            for another function, and for shards of the same names with other contents.

    Returns:
        The results by the names of the shards; as JSON gives them back, with ``checkpoints``.

    Raises:
        StorageError: A checkpoint can't be written or read, or JSON can't represent a result.
        AtdataError: A shard can't be read. What ``function`` raises is raised as well.
    """
    names = dataset.list_shards()
    folder = None if checkpoints is None else Path(checkpoints)
    if folder is not None:
        _make(folder)
    tasks = []
    for number, name in enumerate(names):
        shown = redacted(name)
        kept = None if folder is None else _checkpoint(folder, number, shown)
        tasks.append(_Task(dataset.split(number, len(names)), shown, function, kept))
    results = map(_run, tasks) if engine is None else engine.map(_run, tasks)
    return dict(zip(names, results, strict=True))


@dataclass(frozen=True, slots=True)
class _Task:
    """One shard: its samples, what is to be done with them, and the file that keeps the result."""

    samples: Exportable[Any]
    shard: str
    function: Callable[[list[Any]], Any]
    checkpoint: Path | None


def _checkpoint(folder: Path, number: int, shard: str) -> Path:
    return folder / f"{number:06d}-{sha256(shard.encode()).hexdigest()[:16]}.json"


def _run(task: _Task) -> Any:
    if task.checkpoint is None:
        return task.function(list(task.samples))
    try:
        return json.loads(task.checkpoint.read_bytes())["result"]
    except FileNotFoundError:
        return _kept(task.checkpoint, task.shard, task.function(list(task.samples)))
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise StorageError(
            f"a checkpoint can't be read: {error}",
            uri=str(task.checkpoint),
            hint="Remove it, so that the shard is processed again.",
        ) from error


def _kept(path: Path, shard: str, result: Any) -> Any:
    try:
        data = json.dumps({"shard": shard, "result": result}).encode()
    except (TypeError, ValueError) as error:
        raise StorageError(
            f"the result can't be kept as JSON: {error}",
            shard=shard,
            hint="Return numbers, text, lists and dicts, or leave out checkpoints=.",
        ) from error
    try:
        write_file(path, data)
    except OSError as error:
        raise _unwritten(path, error) from error
    return json.loads(data)["result"]


def _make(folder: Path) -> None:
    try:
        make_folder(folder)
    except OSError as error:
        raise _unwritten(folder, error) from error


def _unwritten(path: Path, error: OSError) -> StorageError:
    return StorageError(f"a checkpoint can't be written: {error.strerror}", uri=str(path))
