"""Migration of the earlier implementation's data (forecast-bio/atdata) into this one.

Samples are read, checked against the digests that the earlier index has, and written again as
build roots, with arrays in ``.npy`` form; then they are entered into a local index, under the
schemas that they had. The earlier data is never changed. It may be run again, also after it was
killed: a dataset that is there already is not written again.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from keyword import iskeyword
from pathlib import Path
from typing import Any

from atdata.base.names import suggested_name
from atdata.dataset import Dataset
from atdata.errors import AtdataError, EntryError, EntryNotFound, ManifestError
from atdata.local import LocalIndex
from atdata.local.earlier import (
    EarlierEntry,
    EarlierIndex,
    is_index,
    read_index,
    sample_type_of,
    schema_record,
    unpacked,
)
from atdata.local.schema import parse_ref
from atdata.samples import DictSample
from atdata.samples.codec import set_unknown_fields
from atdata.samples.inference import infer_type
from atdata.shards.expected import ExpectedShard
from atdata.shards.manifest import Manifest
from atdata.sources import URLSource, VerifiedSource
from atdata.writing import write_shards
from atdata_records import cid as cids

_CHECKSUMS = "checksums"  # in an entry's metadata: sha256 by URL
_MANIFEST = "dataset.json"


@dataclass(frozen=True)
class Migrated:
    """A dataset that is in the index now.

    Attributes:
        name: Its name.
        earlier: Its name, label or path before.
        schema_ref: Reference of its schema in the index.
        folder: The build root with its shards.
        samples: Their number.
        content_cid: Identity of the data.
    """

    name: str
    earlier: str
    schema_ref: str
    folder: str
    samples: int
    content_cid: str | None


@dataclass(frozen=True)
class Migration:
    """What a migration did.

    Attributes:
        schemas: References of the schemas that are in the index now.
        datasets: The datasets that are in the index now.
        problems: What could not be moved, and why: by schema, dataset or label.
        left: What is not data, and stays behind: lenses are functions.
    """

    schemas: list[str] = field(default_factory=list)
    datasets: list[Migrated] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    @contextmanager
    def attempt(self, what: str) -> Iterator[None]:
        """Record the error of one step, so that the others are still done."""
        try:
            yield
        except AtdataError as error:
            self.problems[what] = str(error)


def migrate(
    sources: str | Sequence[str],
    output: str | Path,
    index: LocalIndex,
    *,
    name: str | None = None,
    schema_ref: str | None = None,
) -> Migration:
    """Move an index of the earlier implementation, or shards that it wrote.

    Args:
        sources: Its SQLite file or Redis URL; or a folder, paths, URLs or patterns of shards, which
            are one dataset.
        output: The folder of the build roots: one folder a dataset.
        index: The index that schemas and datasets are entered into.
        name: For shards: name of the dataset; by default that of the folder or first file.
        schema_ref: For shards: reference of their schema, in ``index``; by default the schema
            follows from all samples.

    Returns:
        What was done; what could not be done is in ``problems``.

    Raises:
        StorageError: The earlier index can't be read.
    """
    given = [sources] if isinstance(sources, str) else list(sources)
    if len(given) == 1 and is_index(given[0]):
        return _Migrator(Path(output), index).move_index(read_index(given[0]))
    return _Migrator(Path(output), index).move_shards(given, name, schema_ref)


class _Migrator:
    def __init__(self, output: Path, index: LocalIndex) -> None:
        self._output = output
        self._index = index
        self._done = Migration()
        self._names: dict[str, str] = {}  # by CID of the earlier entry

    def move_index(self, earlier: EarlierIndex) -> Migration:
        for key, text in earlier.schemas.items():
            with self._done.attempt(f"schema {key}"):
                self._move_schema(key, text)
        names = _names(earlier)
        for entry in earlier.entries:
            name = names[entry.cid]
            with self._done.attempt(f"dataset {name}"):
                self._move_entry(entry, name)
        for label, cid in _labels(earlier).items():
            if names.get(cid) == label:
                continue
            with self._done.attempt(f"label {label}"):
                self._move_label(label, cid)
        self._done.left.extend(f"lens {lens}" for lens in earlier.lenses)
        return self._done

    def move_shards(self, urls: list[str], name: str | None, schema_ref: str | None) -> Migration:
        called = name or suggested_name(Path(urls[0]).stem)
        with self._done.attempt(f"dataset {called}"):
            self._move(urls, called, schema_ref)
        return self._done

    def _move_schema(self, key: str, text: str) -> None:
        name, version = parse_ref(f"local://schemas/{key}")
        record = schema_record(text)
        about = record.get("description")
        # Every dataclass without a docstring has one that repeats its fields.
        said = isinstance(about, str) and about and not about.startswith(f"{name}(")
        details = {"description": about} if said else {}
        sample_type = sample_type_of(name, record)
        ref = self._index.publish_schema(sample_type, version=version, **details)
        self._done.schemas.append(ref)

    def _move_entry(self, entry: EarlierEntry, name: str) -> None:
        urls, metadata = unpacked(entry.data_urls), unpacked(entry.metadata or b"\xc0") or {}
        if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
            raise EntryError("the entry's URLs are not a list of texts")
        if not isinstance(metadata, dict):
            raise EntryError("the entry's metadata is not a map")
        checksums = metadata.pop(_CHECKSUMS, {})
        if not isinstance(checksums, dict):
            raise EntryError("the entry's checksums are not a map")
        source = _checked(URLSource(urls), checksums)
        mark = _mark(entry.cid, sorted(map(repr, checksums.items())))
        ref, made = self._schema(entry.schema_ref)
        self._write(source, made, suggested_name(name), name, ref, mark, metadata)
        self._names[entry.cid] = suggested_name(name)

    def _move(self, urls: list[str], name: str, schema_ref: str | None) -> None:
        shards = [shard for url in urls for shard in _shards(url)]
        if schema_ref is None:
            made = infer_type(Dataset[DictSample](shards), _class_name(name))
        else:
            schema_ref, made = self._schema(schema_ref)
        earlier = urls[0] if len(urls) == 1 else f"{urls[0]} and {len(urls) - 1} more"
        self._write(URLSource(shards), made, name, earlier, schema_ref, None, {})

    def _schema(self, ref: str) -> tuple[str | None, type[Any]]:
        """Return a schema's reference in the index, if it has one there, and its class."""
        if ref.startswith("at://"):
            from atdata.atmosphere import AtmosphereClient, AtmosphereIndex

            return None, AtmosphereIndex(AtmosphereClient()).decode_schema(ref)
        schema = self._index.get_schema(ref)
        return schema.ref, self._index.decode_schema(ref)

    def _write(
        self,
        source: Any,
        made: type[Any],
        name: str,
        earlier: str,
        schema_ref: str | None,
        mark: str | None,
        metadata: dict[str, Any],
    ) -> None:
        folder = self._output / name
        written = _written(folder, made, mark)
        if written is None:
            version = parse_ref(schema_ref)[1] if schema_ref else "1.0.0"
            written = write_shards(
                _samples(source, made), folder, schema_version=version, source=mark
            )
        entry = self._index.add_entry(
            written, name=name, schema_ref=schema_ref, metadata=metadata or None
        )
        self._add(entry, earlier, folder)

    def _move_label(self, label: str, cid: str) -> None:
        if cid not in self._names:
            raise EntryNotFound(f"the label's dataset was not moved ({cid})")
        entry = self._index.get_dataset(self._names[cid])
        name = suggested_name(label)
        if name != entry.name:
            dataset = self._index.open_dataset(entry.name)
            again = self._index.add_entry(
                Dataset[dataset.sample_type](entry.data_urls),  # type: ignore[name-defined]
                name=name,
                schema_ref=entry.schema_ref,
                metadata=entry.metadata,
            )
            self._add(again, f"label {label}", Path(entry.data_urls[0]).parent)

    def _add(self, entry: Any, earlier: str, folder: Path) -> None:
        samples = sum(shard.samples for shard in entry.shards or ())
        moved = Migrated(
            entry.name, earlier, entry.schema_ref, str(folder), samples, entry.content_cid
        )
        self._done.datasets.append(moved)


def _names(earlier: EarlierIndex) -> dict[str, str]:
    """Return a name of its own for each entry: of several with one, the last labelled keeps it."""
    counts = Counter(entry.name for entry in earlier.entries)
    last = {entry.name: entry.cid for entry in earlier.entries}
    last |= {name: cid for name, cid, _ in earlier.labels if name in last}
    return {
        entry.cid: entry.name
        if counts[entry.name] == 1 or last[entry.name] == entry.cid
        else f"{entry.name}-{entry.cid[-8:]}"
        for entry in earlier.entries
    }


def _labels(earlier: EarlierIndex) -> dict[str, str]:
    """Return what each label stands for: ``name`` for its latest version, ``name-version``."""
    latest = {name: cid for name, cid, _ in earlier.labels}
    versions = {f"{name}-{version}": cid for name, cid, version in earlier.labels if version}
    return latest | versions


def _checked(source: URLSource, checksums: dict[Any, Any]) -> Any:
    """Return the source, checked against sha256 digests by shard if there is one for each."""
    names = source.list_shards()
    if not all(name in checksums for name in names):
        return source
    try:
        found = [ExpectedShard(cids.from_digest(bytes.fromhex(checksums[name]))) for name in names]
    except (TypeError, ValueError) as error:
        raise EntryError(f"a checksum is not a sha256 in hexadecimal: {error}") from error
    return VerifiedSource(source, found)


def _mark(cid: str, checksums: list[str]) -> str:
    """Return the text by which a dataset that was migrated is recognised."""
    digest = hashlib.sha256("\n".join([cid, *checksums]).encode()).hexdigest()
    return f"migrated from {cid}, {digest[:16]}"


def _written(folder: Path, made: type[Any], mark: str | None) -> Dataset[Any] | None:
    """Return the dataset in a folder if an earlier run has finished it."""
    try:
        manifest = Manifest.from_json((folder / _MANIFEST).read_bytes())
    except (OSError, ManifestError):
        return None
    if mark is None or manifest.source != mark:
        return None
    return Dataset[made](str(folder))  # type: ignore[valid-type]


def _samples(source: Any, made: type[Any]) -> Iterator[Any]:
    """Yield the samples as instances of a class; one with a field that it lacks is an error."""
    # The class that reads refuses what the class that writes would drop.
    reader = type(made.__name__, (made,), {})
    set_unknown_fields(reader, "refuse")
    names = [one.name for one in fields(made)]
    for sample in Dataset[reader](source):  # type: ignore[valid-type]
        yield made(**{name: getattr(sample, name) for name in names})


def _class_name(name: str) -> str:
    """Return a name for a class of samples, made from that of their dataset."""
    made = "".join(word[0].upper() + word[1:] for word in re.findall(r"[A-Za-z0-9]+", name))
    return made if made.isidentifier() and not iskeyword(made) else f"Sample{made}"


def _shards(url: str) -> list[str]:
    path = Path(url)
    return sorted(map(str, path.rglob("*.tar"))) if path.is_dir() else [url]
