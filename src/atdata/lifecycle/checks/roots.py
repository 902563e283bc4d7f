"""The places of datasets: a build root, a release of a serving store, or a pack."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from atdata.base.display import first_few
from atdata.errors import StorageError, UrlError
from atdata.lifecycle.checks.shard import Opener
from atdata.lifecycle.checks.streams import pieces
from atdata.lifecycle.report import BUILD_ROOT, SERVING_STORE, Finding
from atdata.lifecycle.serving.store import MAX_SCHEMA, Store, open_store, shard_key
from atdata.shards.manifest import MANIFEST_NAME, MAX_BYTES, SCHEMA_NAME, Manifest
from atdata.shards.offsets import index_path
from atdata.shards.splits import read_splits
from atdata.storage.folder import Folder, open_plain

_ENERGON = ".nv-meta"  # the folder of Megatron Energon's index


@dataclass(frozen=True, slots=True)
class BuildRoot:
    """The folder that a producer has just written."""

    folder: Path

    kind = BUILD_ROOT

    @property
    def location(self) -> str:
        """The folder."""
        return str(self.folder)

    def manifest(self) -> bytes | None:
        """Return the bytes of ``dataset.json``; None if there is none."""
        return self._read(MANIFEST_NAME, MAX_BYTES)

    def schema(self, manifest: Manifest) -> bytes | None:
        """Return the bytes of ``schema.json``; None if there is none."""
        return self._read(SCHEMA_NAME, MAX_SCHEMA)

    def shard(self, manifest: Manifest, index: int) -> Opener:
        """Return an opener of a shard."""
        return partial(open_plain, self.folder / manifest.paths[index])

    def offsets(self, manifest: Manifest, index: int) -> Opener | None:
        """Return an opener of a shard's offset index, if it has one."""
        path = self.folder / index_path(manifest.paths[index])
        return partial(open_plain, path) if path.exists() else None

    def unexpected_files(self, manifest: Manifest) -> Iterator[Finding]:
        """Yield findings for links, and for files that the manifest does not list, by name."""
        shards = set(manifest.paths)
        known = {MANIFEST_NAME, SCHEMA_NAME, *shards, *map(index_path, shards)}
        known |= _foreign_indexes(shards)
        with os.scandir(self.folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.name in shards:
                    continue  # opening it reports any problem
                path = ascii(entry.name)[1:-1]
                if entry.name == _ENERGON and entry.is_dir(follow_symlinks=False):
                    continue
                if not entry.is_file(follow_symlinks=False):
                    message = "a link or folder; a build root holds plain files only"
                    yield Finding("FILE_LINK", message, path=path)
                elif entry.name not in known:
                    yield Finding("FILE_EXTRA", "the manifest does not list this file", path=path)

    def _read(self, name: str, limit: int) -> bytes | None:
        try:
            with open_plain(self.folder / name) as file:
                return b"".join(pieces(file, limit + 1))
        except StorageError as error:
            if error.code == "SHARD_MISSING":
                return None
            raise


def _foreign_indexes(shards: set[str]) -> set[str]:
    """Return the names of index files that other tools keep beside these shards.

    They are webdataset's ``index.json``, Energon's ``000000.tar.idx``, webshart's
    ``000000.json``, and img2dataset's ``000000.parquet`` and ``000000_stats.json``. Nothing of
    atdata reads them.
    """
    stems = [shard.removesuffix(".tar") for shard in shards]
    ends = (".tar.idx", ".json", ".parquet", "_stats.json")
    return {"index.json", *(f"{stem}{end}" for stem in stems for end in ends)}


@dataclass(frozen=True, slots=True)
class Release:
    """A release that readers trust, with the methods of :class:`BuildRoot`."""

    store: Store
    name: str
    version: str

    kind = SERVING_STORE

    @property
    def location(self) -> str:
        """The store's folder or URL."""
        return self.store.objects.location

    def manifest(self) -> bytes | None:
        """Return the bytes of the manifest; None if there is no such release."""
        return self.store.release_bytes(self.name, self.version)

    def schema(self, manifest: Manifest) -> bytes | None:
        """Return the bytes of the schema document; None if there is none."""
        return self.store.schema_bytes(manifest.schema_cid)

    def shard(self, manifest: Manifest, index: int) -> Opener:
        """Return an opener of a shard."""
        return partial(self.store.objects.open, shard_key(manifest.shards[index]))

    def offsets(self, manifest: Manifest, index: int) -> None:
        """Return None: a store has no offset indexes."""

    def unexpected_files(self, manifest: Manifest) -> tuple[()]:
        """Return no findings: a store holds many releases; garbage collection removes the rest."""
        return ()


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack, at a path or URL."""

    location: str

    kind = "pack"


Root = BuildRoot | Release
"""A dataset whose files are read in any order."""
Place = Root | Pack
"""Where a dataset is, with its ``kind`` and ``location``."""


def open_root(
    location: str | os.PathLike[str], name: str | None = None, version: str | None = None
) -> Root:
    """Return the build root or, when the place is a serving store, the release there.

    Args:
        location: A folder, or the URL of a serving store.
        name: Name of the dataset; a serving store holds several.
        version: Its version.

    Raises:
        UrlError: It is a serving store, and no name and version were given; or a folder of
            splits.
        ManifestError: It is a folder of splits whose list is not sound.
        StorageError: There is nothing at the place.
    """
    text = os.fspath(location)
    store = open_store(text)
    if not isinstance(store.objects, Folder) or store.exists():
        store.require()
        if name is None or version is None:
            raise UrlError(
                "this is a serving store, which holds many releases",
                uri=text,
                hint="Name one of them: --name NAME --version VERSION.",
            )
        return Release(store, name, version)
    folder = Path(text).expanduser().absolute()
    if not folder.is_dir():
        raise StorageError(
            "there is no such folder",
            uri=text,
            hint="Write a build root with atdata.write_shards(samples, folder).",
        )
    _refuse_splits(folder)
    return BuildRoot(folder)


def _refuse_splits(folder: Path) -> None:
    """Refuse the folder of a dataset with splits: each of these is a build root."""
    splits = None if (folder / MANIFEST_NAME).exists() else read_splits(folder)
    if splits:
        raise UrlError(
            f"the folder has a dataset for each split: {', '.join(first_few(splits))}",
            uri=str(folder),
            hint=f"Name the folder of one of them: {folder / splits[0]}.",
        )
