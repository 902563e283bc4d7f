"""``load_dataset``: find a dataset on the network, in an index, or among files and URLs."""

from __future__ import annotations

import glob
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, TypeVar, Unpack, overload

from atdata._protocols import AbstractIndex
from atdata.base.arguments import check_index
from atdata.base.split_names import DEFAULT_SPLIT, SPLITS, split_in
from atdata.dataset import Dataset
from atdata.errors import MissingFile, NetworkError, SplitNotFound, StorageError, XrpcError
from atdata.samples import DictSample
from atdata.shards.manifest import MARKER
from atdata.shards.root_schema import folder_type
from atdata.shards.splits import read_splits
from atdata.sources.braces import Names
from atdata.storage.urls import redacted, scheme_of

__all__ = ["DatasetDict", "load_dataset"]

T = TypeVar("T")
Files = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

_LOCAL = "@local/"


class DatasetDict(dict[str, Dataset[Any]]):
    """The splits of a dataset by name.

    Other names of a split are understood too (``"val"`` for ``"validation"``). While there is
    only one split, its own methods can be called here: ``load_dataset(path).ordered()``.

    Args:
        splits: A dataset for each name.
        sample_type: The class of the samples; that of the first split if None.
        streaming: As given to ``load_dataset``.
    """

    def __init__(
        self,
        splits: Mapping[str, Dataset[Any]] | None = None,
        sample_type: type[Any] | None = None,
        streaming: bool = False,
    ) -> None:
        super().__init__(splits or {})
        self._sample_type = sample_type
        self.streaming = streaming

    @property
    def sample_type(self) -> type[Any] | None:
        """The class of the samples, or None without splits."""
        return self._sample_type or next((ds.sample_type for ds in self.values()), None)

    @property
    def num_shards(self) -> dict[str, int]:
        """Number of shards of each split."""
        return {name: len(ds.list_shards()) for name, ds in self.items()}

    def __contains__(self, split: object) -> bool:
        named = super().__contains__
        return named(split) or (isinstance(split, str) and named(SPLITS.get(split)))

    def get(self, split: str, default: Any = None) -> Any:
        """Return a split by any of its names, or the default."""
        return self[split] if split in self else default  # noqa: SIM401 - it is this one

    def __missing__(self, split: str) -> Dataset[Any]:
        if split not in self:
            raise SplitNotFound(
                f"the dataset has no split {split!r}", hint=f"Choose one of: {', '.join(self)}."
            )
        return self[SPLITS[split]]

    def __getattr__(self, name: str) -> Any:
        if len(self) != 1 or name.startswith("_"):
            splits = ", ".join(map(repr, self))
            raise AttributeError(
                f"a DatasetDict has no {name!r}: choose a split first, one of {splits}"
            )
        return getattr(next(iter(self.values())), name)


class _Options(TypedDict, total=False):
    data_files: Files | Mapping[str, Files] | None
    streaming: bool
    index: AbstractIndex | None


@overload
def load_dataset(
    path: str | os.PathLike[str], sample_type: type[T], *, split: str, **options: Unpack[_Options]
) -> Dataset[T]: ...
@overload
def load_dataset(
    path: str | os.PathLike[str],
    sample_type: None = None,
    *,
    split: str,
    **options: Unpack[_Options],
) -> Dataset[Any]: ...
@overload
def load_dataset(
    path: str | os.PathLike[str],
    sample_type: type[Any] | None = None,
    *,
    split: None = None,
    **options: Unpack[_Options],
) -> DatasetDict: ...
def load_dataset(
    path: str | os.PathLike[str],
    sample_type: type[Any] | None = None,
    *,
    split: str | None = None,
    data_files: Files | Mapping[str, Files] | None = None,
    streaming: bool = False,
    index: AbstractIndex | None = None,
) -> Dataset[Any] | DatasetDict:
    """Find a dataset.

    Published datasets are found on the server of their repository. Their schema and every shard
    are checked against the digests of the record, and a record can't reach a local file or a
    private address. With ``ATDATA_APPVIEW_URL`` set, they are read through that AppView, unless
    it fails or does not know them.

    Args:
        path: ``@{handle or did}/{name}`` or ``at://…`` for a published dataset; a file, URL,
            brace pattern, glob pattern, or a folder of ``.tar`` files otherwise. With
            ``index``, the name of a dataset in it; ``@local/{name}`` for one in the default
            ``LocalIndex()``. A release of a serving store is opened by
            :meth:`atdata.lifecycle.Catalog.open_dataset`.
        sample_type: Class of the samples. None for the class of the schema if there is one,
            such as the ``schema.json`` of a folder that ``write_shards`` made, and
            ``DictSample`` otherwise.
        split: Name of the split to return. The splits of a folder that
            :func:`atdata.import_dataset` wrote are those in its ``splits.json``. Other shards
            belong to the split in their names (train, test, val, dev, … as a separate word), and
            to ``"train"`` otherwise.
        data_files: Files or patterns inside of ``path``; or a dict of them by split.
        streaming: Accepted for compatibility with other loaders; samples always stream.
        index: Where names are looked up; the network for ``@`` and ``at://`` when None.

    Returns:
        The split as a dataset, or all splits when ``split`` is None.

    Raises:
        EntryNotFound: There is no such dataset; or no such split (``SplitNotFound``).
        EntryError: ``index`` is not an index.
        MissingFile: There are no such files.
        UrlError: A scheme is unknown; or a record has a URL that is refused.
        RecordError, SchemaConflict: A published record is not valid.
        NetworkError: A server could not be reached.
    """
    text = os.fspath(path)
    if index is None and text.startswith(_LOCAL):
        from atdata.local import LocalIndex

        with LocalIndex() as index:
            return load_dataset(text, sample_type, split=split, streaming=streaming, index=index)
    if index is not None or text.startswith(("@", "at://")):
        splits = {DEFAULT_SPLIT: _indexed(text, sample_type, index)}
    else:
        splits = {}
        for name, urls in _by_split(text, data_files).items():
            chosen: Any = sample_type or _type_of(text, urls) or DictSample
            splits[name] = Dataset[chosen](urls)
    found = DatasetDict(splits, streaming=streaming)
    return found if split is None else found[split]


def _indexed(ref: str, sample_type: type[Any] | None, index: AbstractIndex | None) -> Dataset[Any]:
    if index is None:
        from atdata.atmosphere import AtmosphereClient, DatasetLoader

        found = _from_appview(ref, sample_type) if os.environ.get("ATDATA_APPVIEW_URL") else None
        return found or DatasetLoader(AtmosphereClient()).to_dataset(ref, sample_type)
    check_index(index, "get_dataset", "decode_schema")
    if isinstance(index, AbstractIndex):
        return index.open_dataset(ref, sample_type)
    entry = index.get_dataset(ref.partition("/")[2] if ref.startswith("@") else ref)
    decoded = sample_type or index.decode_schema(entry.schema_ref)
    return Dataset[decoded](list(entry.data_urls))  # type: ignore[valid-type]


def _from_appview(ref: str, sample_type: type[Any] | None) -> Dataset[Any] | None:
    """Return the dataset through the user's AppView; None if it fails or does not know it."""
    from atdata.atmosphere.appview_client import AppViewClient

    try:
        return AppViewClient().to_dataset(ref, sample_type)
    except NetworkError as error:
        if isinstance(error, XrpcError) and error.code == "NotFound":
            return None  # the AppView does not know it (yet)
        warnings.warn(f"asking the repository itself: {error}", stacklevel=4)
        return None


def _by_split(path: str, data_files: Files | Mapping[str, Files] | None) -> dict[str, list[str]]:
    """Return the URLs of each split's shards, in order."""
    if isinstance(data_files, Mapping):
        return {
            SPLITS.get(split, split): list(_urls(files, path))
            for split, files in data_files.items()
        }
    base = path if os.path.isdir(path) else None
    if base and data_files is None and (listed := read_splits(Path(path))) is not None:
        return {split: _found(os.path.join(path, split)) for split in listed}
    urls = _found(path) if data_files is None else list(_urls(data_files, path))
    splits: dict[str, list[str]] = {}
    for name in Names(urls):
        splits.setdefault(_split_of(name, base), []).append(name)
    # A pattern that is one split stays a pattern.
    return splits if len(splits) > 1 else dict.fromkeys(splits, urls)


def _type_of(path: str, urls: list[str]) -> type[Any] | None:
    """Return the sample type of build roots; None unless all the shards' folders have the same."""
    if not os.path.isdir(path):
        return None
    types = {folder_type(folder) for folder in {Path(url).parent for url in urls}}
    return types.pop() if len(types) == 1 else None


def _urls(files: Files, base: str) -> Iterator[str]:
    """Yield files, given one by one or as patterns, inside a folder or URL."""
    for file in [files] if isinstance(files, (str, os.PathLike)) else files:
        name = os.fspath(file)
        inside = not scheme_of(name) and not os.path.isabs(name)
        yield from _found(f"{base.rstrip('/')}/{name}" if inside and base else name)


def _found(path: str) -> list[str]:
    """Return the files of a folder or glob pattern; other paths and URLs as they are.

    Raises:
        MissingFile: There are none.
    """
    if scheme_of(path):
        return [path]
    if os.path.isdir(path):
        found = _listed(Path(path))
    elif os.path.exists(path) or "{" in path:
        return [path]
    else:
        found = sorted(glob.glob(path, recursive=True))
    if not found:
        raise MissingFile("no shards there", uri=redacted(path))
    return found


def _listed(folder: Path) -> list[str]:
    """Return the shards in a folder, all of them of one state of it.

    A dataset that is written again takes the earlier one's place. A listing that began in the
    earlier one, which is being removed, is made again.
    """
    while True:
        before = _identity(folder)
        found = sorted(map(str, _shards_below(folder)))
        if _identity(folder) == before:
            return found


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        state = folder.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino


def _shards_below(folder: Path) -> Iterator[Path]:
    """Yield the shards in a folder and its subfolders, without hidden, unfinished ones.

    Raises:
        StorageError: It is a serving store, which holds many releases.
    """
    if (folder / MARKER).is_file():
        raise StorageError(
            "this is a serving store, which holds many releases",
            uri=str(folder),
            hint="Open one: atdata.lifecycle.Catalog(folder).open_dataset(name, version).",
        )
    for path in folder.rglob("*.tar"):
        if not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def _split_of(name: str, base: str | None) -> str:
    """Return the split of a shard: the last word of its name that is a split's name.

    The names of folders below ``base`` count, too; without ``base``, only the shard's own
    folder does, since folders above it are not a part of the dataset.
    """
    inside = name.removeprefix(base) if base else "/".join(name.split("/")[-2:])
    return split_in(inside) or DEFAULT_SPLIT
