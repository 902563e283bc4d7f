"""The place of a build root: what is there already, and how a finished folder takes its place."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from atdata.base.disk import make_folder, rename_folder, sync_folder
from atdata.base.exchange import replace_folder
from atdata.base.names import suggested_name
from atdata.errors import EntryConflict, StorageError
from atdata.shards.info import ShardInfo
from atdata.shards.manifest import MANIFEST_NAME, Manifest, check_name, read_manifest
from atdata.shards.splits import read_splits

ROOT = ""
"""The folder itself, where the names of splits are the names of folders in it."""
ASIDE = "old"


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


class Target:
    """The place of a dataset: nothing there, an empty folder, or an earlier dataset.

    Args:
        path: The folder to write.
        overwrite: Whether a dataset there may be replaced by other data.

    Attributes:
        path: The folder, absolute; where a link points to.

    Raises:
        EntryConflict: Something else is there.
    """

    def __init__(self, path: Path, overwrite: bool) -> None:
        path = path.absolute()
        self.path = path.resolve() if path.is_symlink() else path
        self._overwrite = overwrite
        self._manifests: dict[str, Manifest] = {}
        self._is_open = overwrite or not self.path.exists() or _is_empty(self.path)
        if not self.path.exists():
            return
        if not (_is_empty(self.path) or _is_dataset(self.path)):
            raise EntryConflict(
                "the folder contains something else than a dataset of atdata",
                uri=str(self.path),
                hint="Choose another folder, or empty it.",
            )
        self._manifests = _manifests(self.path)

    def named(self, label: Label) -> Label:
        """Return the label with a name: its own, or that of the folder.

        Raises:
            ManifestError: The name or the version can't be used.
        """
        name = label.name or suggested_name("-".join(self.path.name.split()))
        check_name(name, label.version, is_new=True)
        return replace(label, name=name)

    def make_parent(self) -> None:
        """Make the folder around the place, if it is missing.

        Raises:
            OSError: The disk refuses.
        """
        make_folder(self.path.parent)

    def compared(
        self, shards: Iterable[tuple[Path, ShardInfo]], split: str = ROOT
    ) -> Iterator[tuple[Path, ShardInfo]]:
        """Yield the shards as they come, as long as they may replace what is there.

        Raises:
            EntryConflict: A shard differs from that of the dataset there; raised at the first one.
        """
        there = self._manifests.get(split)
        known = () if there is None else there.shards
        for number, (path, info) in enumerate(shards):
            if not self._is_open and info not in known[number : number + 1]:
                raise self._conflict()
            yield path, info

    def put(self, work: Path, manifests: Mapping[str, Manifest]) -> None:
        """Move a finished folder to the place; check what others put there meanwhile.

        Args:
            work: The folder, on the same file system, in a folder of its own.
            manifests: The manifest of each split in it; of :data:`ROOT` without splits.

        Raises:
            EntryConflict: Other data are there, and may not be replaced.
            OSError: The disk refuses.
        """
        sync_folder(work)
        try:
            if not _is_dataset(self.path):
                with suppress(FileNotFoundError):
                    self.path.rmdir()  # an empty folder is replaced
                rename_folder(work, self.path)
                return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        Target(self.path, self._overwrite)._check(manifests)
        replace_folder(work, self.path, work.with_name(ASIDE))

    def failed(self, error: OSError) -> StorageError:
        """Return the error for a disk that refuses."""
        if isinstance(error, StorageError):
            return error
        where = str(error.filename or self.path)
        return StorageError(f"can't write the dataset: {error.strerror}", uri=where)

    def _check(self, manifests: Mapping[str, Manifest]) -> None:
        if not self._is_open and _contents(manifests) != _contents(self._manifests):
            raise self._conflict()

    def _conflict(self) -> EntryConflict:
        return EntryConflict(
            "the folder holds a dataset with other data",
            uri=str(self.path),
            hint="Pass overwrite=True to replace it, or choose another folder.",
        )


def _contents(manifests: Mapping[str, Manifest]) -> dict[str, str]:
    return {split: manifest.content_cid for split, manifest in manifests.items()}


def _manifests(path: Path) -> dict[str, Manifest]:
    """Return the manifests of the dataset there; none where it is not sound, or not there."""
    found = {}
    for split in read_splits(path) or (ROOT,):
        manifest = path / split / MANIFEST_NAME
        if manifest.is_file():
            found[split], _ = read_manifest(manifest.read_bytes())
    return {split: one for split, one in found.items() if one is not None}


def _is_dataset(path: Path) -> bool:
    return (path / MANIFEST_NAME).is_file() or read_splits(path) is not None


def _is_empty(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())
