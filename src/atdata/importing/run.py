"""``import_dataset``: data of another format as a build root, or one for each split."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from atdata._version import __version__
from atdata.base.arguments import check_class
from atdata.base.disk import remove_unused, rename_files
from atdata.base.exchange import restore
from atdata.base.locks import Busy, locked
from atdata.dataset import Dataset
from atdata.engines import Engine
from atdata.engines import engine as engine_named
from atdata.errors import EntryConflict, SampleError
from atdata.importing.readers import WHOLE, Table, naming, read_table
from atdata.importing.schema import Maker, guessed_type, source_name
from atdata.importing.schema import class_name as class_name_of
from atdata.importing.tasks import MAX_SIZE, Cut, Task, grouped, moves, run
from atdata.importing.webdataset import ShardPart
from atdata.progress import NullProgress, Progress
from atdata.samples.class_text import class_text
from atdata.samples.schema import schema_cid, schema_document
from atdata.shards.build import finish_root
from atdata.shards.canonical import canonical_json
from atdata.shards.layouts import Layout
from atdata.shards.manifest import Manifest
from atdata.shards.splits import write_splits
from atdata.shards.target import ASIDE, Label, Target

__all__ = ["Imported", "import_dataset"]

_WORK = ".atdata-import-"


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import has written.

    Attributes:
        folder: The folder that was written.
        sample_type: The type of the samples.
        splits: The dataset of each split; one called ``""`` for data without named splits.
        manifests: The manifest of each.
        class_text: The source of the sample type as a Python module, to keep; None for a class
            of the caller's.
    """

    folder: Path
    sample_type: type[Any]
    splits: dict[str, Dataset[Any]]
    manifests: dict[str, Manifest]
    class_text: str | None


def import_dataset(
    source: Any,
    output: str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002 - the public word
    sample_type: type[Any] | None = None,
    class_name: str | None = None,
    name: str | None = None,
    version: str = "1.0.0",
    schema_version: str = "1.0.0",
    maxcount: int = 10_000,
    maxsize: int | None = MAX_SIZE,
    layout: Layout = "packed",
    repack: bool = False,
    overwrite: bool = False,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> Imported:
    """Write data of another format as a build root, which can be read, verified and published.

    The columns of the source become a sample type, see ``docs/importing.md`` for each format. The
    same data and arguments give the same bytes, whatever the machine, the engine and its number of
    processes. Data with named splits become a folder with a build root for each split, which
    :func:`atdata.load_dataset` opens as such.

    The output appears when it is complete. Until then, finished shards are kept in a hidden folder
    beside it. After a kill, the same call goes on with those whose bytes are as they were
    written; another import to the same output, or one that fails because of the data, removes
    them.

    Args:
        source: A file or folder, or an object of a library.
        output: The folder to write; made if it is missing.
        format: Name of the format (``"csv"``, ``"parquet"``, …); found out if None.
        sample_type: The class of the samples. Its fields are matched with columns by name; other
            columns are left out. None for a class that is guessed from the columns.
        class_name: Name of the guessed class; made from that of the source if None.
        name: Name of the dataset; that of the folder if None. A split's name is added to it.
        version: Version of the dataset, ``MAJOR.MINOR.PATCH``.
        schema_version: Version of its schema.
        maxcount: Largest number of samples in a shard.
        maxsize: Largest number of bytes in a shard; None for no limit.
        layout: ``"packed"``, or ``"members"`` for one member a field; see
            :func:`atdata.write_shards`.
        repack: Write the samples of WebDataset shards again, in ``layout``. Otherwise these shards
            stay byte for byte as they are, as hard links where possible, or copies; ``maxcount``
            and ``maxsize`` do not count then.
        overwrite: Replace an earlier dataset with other data.
        engine: Runs the work, see :func:`atdata.engines.engine`; all cores when None.
        progress: Receives updates: bytes of the source and shards that are done.

    Returns:
        The datasets, and the class of their samples.

    Raises:
        MissingFile: There is no such source.
        UrlError: Its format is not known.
        MissingExtra: The format's library is not installed.
        SampleError: A value can't be held; its row and column are named.
        SchemaError: A column can't be a field, or a field has no column.
        ManifestError: A name or version can't be used.
        EntryConflict: The output holds other data, or another import writes it.
        StorageError: The source can't be read, or the output not be written.
    """
    target = Target(Path(output), overwrite)
    label = target.named(Label(name, version, schema_version))
    table = read_table(source, format)
    text = None
    with naming(source):
        if sample_type is None:
            guessed = class_name_of(source_name(source)) if class_name is None else class_name
            sample_type = guessed_type(guessed, table.columns)
            text = class_text(sample_type)
        check_class(sample_type)
        maker = Maker.of(sample_type, table.columns)
        _check_rows(table)
    cut = Cut(maxcount, maxsize, layout)
    try:
        target.make_parent()
        with _workspace(target.path, _plan(table, maker, label, cut, repack)) as work:
            tasks = _tasks(table, work, maker, cut, repack=repack)
            with naming(source):
                shards = _run(tasks, target, engine or engine_named(), progress or NullProgress())
            manifests = _assemble(shards, work.parent / "new", label, sample_type)
            target.put(work.parent / "new", manifests)
    except OSError as error:
        raise target.failed(error) from error
    splits = {
        split: _dataset(sample_type, target.path / split, manifest)
        for split, manifest in manifests.items()
    }
    return Imported(target.path, sample_type, splits, manifests, text)


def _check_rows(table: Table) -> None:
    for split, parts in table.splits.items():
        if not any(part.count for part in parts):
            raise SampleError(
                f"the split {split!r:.80} has no rows" if split else "there are no rows"
            )


def _tasks(table: Table, work: Path, maker: Maker, cut: Cut, *, repack: bool) -> list[Task]:
    tasks: list[Task] = []
    for split, parts in table.splits.items():
        first = 0
        shards = [] if repack else [part for part in parts if isinstance(part, ShardPart)]
        groups = [(part,) for part in shards if part.count] or grouped(parts, cut)
        for group in groups:
            folder = work / f"{len(tasks):06d}"
            tasks.append(Task(split, folder, tuple(group), first, maker, cut, keep=bool(shards)))
            first += sum(part.count for part in group)
    return tasks


def _run(
    tasks: list[Task], target: Target, engine: Engine, progress: Progress
) -> dict[str, list[Any]]:
    """Return path and info of the shards of each split, in order."""
    progress.begin(sum(task.size for task in tasks) or None, None)
    shards: dict[str, list[Any]] = {}
    for task, written in zip(tasks, engine.map(run, tasks), strict=True):
        shards.setdefault(task.split, []).extend(written)
        progress.advance(task.size, len(written))
    for split, written in shards.items():
        for _ in target.compared(written, split):
            pass
    return shards


def _assemble(
    shards: dict[str, list[Any]], folder: Path, label: Label, sample_type: type[Any]
) -> dict[str, Manifest]:
    """Move all shards into the final folder, and write what belongs beside them."""
    manifests = {}
    folder.mkdir()
    for split, written in shards.items():
        home = folder / split
        home.mkdir(exist_ok=True)
        named = label if split == WHOLE else replace(label, name=f"{label.name}-{split}")
        rename_files(moves(written, home))
        placed = [(home / f"{n:06d}.tar", info) for n, (_, info) in enumerate(written)]
        manifests[split] = finish_root(home, sample_type, named, placed)
    if WHOLE not in shards:
        write_splits(folder, shards)
    return manifests


def _plan(table: Table, maker: Maker, label: Label, cut: Cut, repack: bool) -> str:
    """Return a name for what is to be written: equal plans write equal shards."""
    sample_type = maker.sample_type
    document = schema_document(sample_type)
    facts = {
        "tool": __version__,
        "state": table.state or secrets.token_hex(16),  # unknown: never equal
        "schema": schema_cid(sample_type.__name__, label.schema_version, document),
        "columns": [source.column for source in maker.sources],
        "cut": {**asdict(cut), "repack": repack},
        "splits": [
            [split, [part.count for part in parts]] for split, parts in table.splits.items()
        ],
    }
    return sha256(canonical_json(facts)).hexdigest()


@contextmanager
def _workspace(target: Path, plan: str) -> Iterator[Path]:
    """Yield the folder for the shards of a plan, beside the target; it stays after a kill.

    It also stays when the disk fails, so that the same call can go on. What is left of other
    plans is removed.

    Raises:
        EntryConflict: Another import writes the same target.
    """
    work = target.with_name(f"{_WORK}{target.name}")
    lock = work.with_name(f"{work.name}.lock")
    is_kept = False
    try:
        with locked(lock, timeout=0):
            _clear(work, plan, target.parent)
            try:
                (work / plan).mkdir(parents=True, exist_ok=True)
                yield work / plan
            except (KeyboardInterrupt, SystemExit, OSError):
                is_kept = True
                raise
            finally:
                if not is_kept:
                    _restore_and_remove(work, target.parent)
                    remove_unused(lock)
    except Busy:
        raise EntryConflict(
            "another import writes this folder", uri=str(target), hint="Wait for its end."
        ) from None


def _clear(work: Path, plan: str, parent: Path) -> None:
    """Remove what is not of this plan, and what a killed import had begun to assemble."""
    restore(work / ASIDE, parent)
    for left in work.glob("*"):
        if left.name != plan:
            shutil.rmtree(left, ignore_errors=True)


def _restore_and_remove(work: Path, parent: Path) -> None:
    restore(work / ASIDE, parent)
    shutil.rmtree(work, ignore_errors=True)


def _dataset(sample_type: type[Any], folder: Path, manifest: Manifest) -> Dataset[Any]:
    typed: Any = Dataset[sample_type]  # type: ignore[valid-type]
    dataset: Dataset[Any] = typed([str(folder / path) for path in manifest.paths])
    return dataset
