"""A build root: the folder that a producer writes, with shards, indexes, schema and manifest."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from atdata._version import __version__
from atdata.base.disk import rename_folder, sync_folder, write_file
from atdata.base.exchange import replace_folder, restore
from atdata.base.names import suggested_name
from atdata.base.scratch import scratch_folder
from atdata.errors import EntryConflict, SampleError, StorageError
from atdata.samples.schema import canonical_text, schema_cid, schema_document
from atdata.shards.info import ShardInfo
from atdata.shards.manifest import (
    MANIFEST_NAME,
    SCHEMA_NAME,
    Manifest,
    check_name,
    read_manifest,
    schema_ref,
)
from atdata.shards.writer import cut_shards

_TOOL = f"atdata {__version__}"
_SCRATCH = ".atdata-write-"
_ASIDE = "old"


@dataclass(frozen=True, slots=True)
class Label:
    """What a manifest contains beside the shards.

    Attributes:
        name: Name of the dataset; that of its folder if None.
        version: Version of the dataset.
        schema_version: Version of its schema.
        source: Where the samples come from, as free text.
    """

    name: str | None = None
    version: str = "1.0.0"
    schema_version: str = "1.0.0"
    source: str | None = None


def build_root(
    samples: Iterable[Any],
    folder: Path | str,
    label: Label = Label(),
    *,
    maxcount: int = 10_000,
    maxsize: int | None = None,
    overwrite: bool = False,
) -> tuple[type[Any], list[Path]]:
    """Write samples as a build root; see :func:`atdata.writing.write_shards`.

    Args:
        samples: Samples of one type, at least one.
        folder: The folder to write.
        label: What the manifest contains beside the shards.
        maxcount: Largest number of samples in a shard.
        maxsize: Largest number of bytes in a shard; None for no limit.
        overwrite: Replace an earlier dataset with other data.

    Returns:
        The sample type, and the paths of the shards in order.
    """
    target = Path(folder).absolute()
    target = target.resolve() if target.is_symlink() else target
    name = label.name or suggested_name("-".join(target.name.split()))
    check_name(name, label.version, is_new=True)
    earlier = _Earlier(target, overwrite)
    sample_type, samples = typed_samples(samples)
    document = schema_document(sample_type)
    class_name = sample_type.__name__
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _workspace(target) as work:
            paths, infos = zip(
                *earlier.compared(
                    cut_shards(samples, work, maxcount=maxcount, maxsize=maxsize, indexed=True)
                ),
                strict=True,
            )
            write_file(work / SCHEMA_NAME, canonical_text(document).encode())
            manifest = Manifest(
                name=name,
                version=label.version,
                schema_ref=schema_ref(class_name, label.schema_version),
                schema_cid=schema_cid(class_name, label.schema_version, document),
                paths=tuple(path.name for path in paths),
                shards=infos,
                source=label.source,
                tool=_TOOL,
            )
            write_file(work / MANIFEST_NAME, manifest.to_json())
            _put(work, target, manifest, overwrite)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(
            f"can't write the dataset: {error.strerror}", uri=str(error.filename or target)
        ) from error
    return sample_type, [target / path for path in manifest.paths]


def typed_samples(samples: Iterable[Any]) -> tuple[type[Any], Iterator[Any]]:
    """Return the type of the first sample, and all samples; those of other types raise.

    Raises:
        SampleError: There are no samples; from iterating, they are of several types.
    """
    if not isinstance(samples, Iterable):
        raise SampleError(
            f"expected samples, got one {type(samples).__name__}",
            hint="Give a list or a generator of samples, such as [sample].",
        )
    rest = iter(samples)
    first = next(rest, None)
    if first is None:
        raise SampleError(
            "there are no samples", hint="Give at least one; its class is the dataset's type."
        )
    sample_type = type(first)
    return sample_type, _of_type(sample_type, chain([first], rest))


def _of_type(sample_type: type[Any], samples: Iterable[Any]) -> Iterator[Any]:
    for number, sample in enumerate(samples):
        if type(sample) is not sample_type:
            raise SampleError(
                f"sample {number} is a {type(sample).__name__}, the first is a "
                f"{sample_type.__name__}",
                hint="Write samples of other types as another dataset.",
            )
        yield sample


class _Earlier:
    """The state of the target: nothing there, an empty folder, or a dataset.

    Args:
        target: The place.
        overwrite: Whether a dataset there may be replaced by other data.

    Raises:
        EntryConflict: Something else is there.
    """

    def __init__(self, target: Path, overwrite: bool) -> None:
        self._target = target
        self._manifest: Manifest | None = None
        self._is_open = overwrite or not target.exists()
        if not target.exists():
            return
        if not target.is_dir() or not (_has_manifest(target) or _is_empty(target)):
            raise EntryConflict(
                "the folder contains something else than a dataset of atdata",
                uri=str(target),
                hint="Choose another folder, or empty it.",
            )
        if _has_manifest(target):
            self._manifest, _ = read_manifest((target / MANIFEST_NAME).read_bytes())
        else:
            self._is_open = True

    def compared(
        self, shards: Iterable[tuple[Path, ShardInfo]]
    ) -> Iterator[tuple[Path, ShardInfo]]:
        """Yield the shards as they come, as long as they may replace what is there.

        Raises:
            EntryConflict: A shard differs from that of the dataset there; raised at the first one.
        """
        for number, (path, info) in enumerate(shards):
            if not self._is_open and info not in self._shards()[number : number + 1]:
                raise _conflict(self._target)
            yield path, info

    def check(self, manifest: Manifest) -> None:
        """Refuse data that differ from what is there, unless it may be replaced.

        Raises:
            EntryConflict: The data differ.
        """
        content = None if self._manifest is None else self._manifest.content_cid
        if not self._is_open and content != manifest.content_cid:
            raise _conflict(self._target)

    def _shards(self) -> tuple[ShardInfo, ...]:
        return () if self._manifest is None else self._manifest.shards


def _put(work: Path, target: Path, manifest: Manifest, overwrite: bool) -> None:
    """Move the finished folder to its place; check what other processes put there meanwhile."""
    sync_folder(work)
    try:
        if not _has_manifest(target):
            with suppress(FileNotFoundError):
                target.rmdir()  # an empty folder is replaced
            rename_folder(work, target)
            return
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
    _Earlier(target, overwrite).check(manifest)
    replace_folder(work, target, work.with_name(_ASIDE))


def _has_manifest(target: Path) -> bool:
    return (target / MANIFEST_NAME).is_file()


def _is_empty(target: Path) -> bool:
    return not any(target.iterdir())


def _conflict(target: Path) -> EntryConflict:
    return EntryConflict(
        "the folder holds a dataset with other data",
        uri=str(target),
        hint="Pass overwrite=True to replace it, or choose another folder.",
    )


@contextmanager
def _workspace(target: Path) -> Iterator[Path]:
    """Yield a folder beside the target, on the same file system; remove what is left at the end."""

    def salvage(dead: Path) -> None:
        restore(dead / _ASIDE, target.parent)

    with scratch_folder(target.parent, _SCRATCH, salvage=salvage) as scratch:
        work = scratch / "new"
        work.mkdir()
        yield work
