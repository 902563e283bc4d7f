"""A build root: the folder that a producer leaves, with shards, indexes, schema and manifest."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from atdata import __version__
from atdata.base.disk import sync_folder, write_file
from atdata.errors import EntryConflict, SampleError, StorageError
from atdata.samples.schema import canonical_text, schema_cid, schema_document
from atdata.shards.dataset_manifest import (
    MANIFEST_NAME,
    SCHEMA_NAME,
    Manifest,
    check_name,
    schema_ref,
)
from atdata.shards.offsets import index_path, offset_index
from atdata.shards.writer import cut_shards

_TOOL = f"atdata {__version__}"
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


def build_root(
    samples: Iterable[Any],
    folder: Path | str,
    *,
    name: str | None = None,
    version: str = "1.0.0",
    schema_version: str = "1.0.0",
    maxcount: int = 10_000,
    maxsize: int | None = None,
    source: str | None = None,
) -> tuple[type[Any], list[Path]]:
    """Write samples as a build root; see :func:`atdata.writing.write_shards`.

    Returns:
        The sample type, and the paths of the shards in order.
    """
    target = Path(folder).absolute()
    name = name or _NOT_IN_NAMES.sub("-", target.name).strip("-.") or "dataset"
    check_name(name, version)
    _check_target(target)
    sample_type, samples = _typed(samples)
    document = schema_document(sample_type)
    class_name = sample_type.__name__
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _Workspace(target) as work:
            paths, infos = zip(
                *cut_shards(samples, work, maxcount=maxcount, maxsize=maxsize), strict=True
            )
            for path in paths:
                write_file(work / index_path(path.name), offset_index(path))
            write_file(work / SCHEMA_NAME, canonical_text(document).encode())
            manifest = Manifest(
                name=name,
                version=version,
                schema_ref=schema_ref(class_name, schema_version),
                schema_cid=schema_cid(class_name, schema_version, document),
                paths=tuple(path.name for path in paths),
                shards=infos,
                source=source,
                tool=_TOOL,
            )
            write_file(work / MANIFEST_NAME, manifest.to_json())
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(
            f"can't write the dataset: {error.strerror}", uri=str(error.filename or target)
        ) from error
    return sample_type, [target / path for path in manifest.paths]


def _typed(samples: Iterable[Any]) -> tuple[type[Any], Iterator[Any]]:
    """The type of the first sample, and the samples, which are held to it."""
    if not isinstance(samples, Iterable):
        raise SampleError(
            f"expected samples, got one {type(samples).__name__}",
            hint="Give a list or a generator of samples, such as [sample].",
        )
    rest = iter(samples)
    first = next(rest, None)
    if first is None:
        raise SampleError(
            "there are no samples", hint="a dataset holds at least one, whose class is its type"
        )
    sample_type = type(first)
    return sample_type, _of_type(sample_type, chain([first], rest))


def _of_type(sample_type: type[Any], samples: Iterable[Any]) -> Iterator[Any]:
    for number, sample in enumerate(samples):
        if type(sample) is not sample_type:
            raise SampleError(
                f"sample {number} is a {type(sample).__name__}, the first is a "
                f"{sample_type.__name__}",
                hint="a dataset holds samples of one type",
            )
        yield sample


def _check_target(target: Path) -> None:
    """An earlier build is replaced; anything else is left alone."""
    taken = target.exists() and not (target.is_dir() and _is_replaceable(target))
    if taken:
        raise EntryConflict(
            "the place is taken by something that is no dataset of ours",
            uri=str(target),
            hint="choose another folder, or empty it",
        )


def _is_replaceable(target: Path) -> bool:
    return (target / MANIFEST_NAME).is_file() or not any(target.iterdir())


class _Workspace:
    """A folder beside the target, which takes its place when all is there."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._folder = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")

    def __enter__(self) -> Path:
        self._folder.mkdir()
        return self._folder

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._swap()
        else:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _swap(self) -> None:
        old = self._folder.with_suffix(".old")
        if self._target.exists():
            self._target.rename(old)
        self._folder.rename(self._target)
        sync_folder(self._target)
        sync_folder(self._target.parent)
        shutil.rmtree(old, ignore_errors=True)
