"""The local index: schemas and datasets of one person or team."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from atdata._protocols import AbstractDataStore
from atdata.base.arguments import check_class, check_dataset, check_store
from atdata.base.listing import Listing
from atdata.base.names import check_dataset_name, suggested_name
from atdata.dataset import Dataset
from atdata.errors import StorageError, UrlError
from atdata.local.choice import open_backend
from atdata.local.entry import LocalDatasetEntry, checked_details
from atdata.local.entry_table import EntryTable
from atdata.local.paths import folder_or_url, moved
from atdata.local.placement import Place, check_shared, check_there, placed, stored
from atdata.local.sample_types import SampleTypes
from atdata.local.schema import LocalSchema
from atdata.local.schema_table import SchemaTable
from atdata.local.stubs import StubFolder
from atdata.samples.schema import from_record
from atdata.sources import VerifiedSource
from atdata.stores.base import prefix_for
from atdata.stores.bucket import source_of
from atdata.stores.disk import LocalDiskStore
from atdata.stores.transfer import can_dry_run, transfer

if TYPE_CHECKING:
    import redis as redis_py

    from atdata.shards.info import ShardInfo

T = TypeVar("T")


class LocalIndex:
    """Schemas and datasets by name, in one SQLite file or on a Redis server.

    Args:
        redis: A Redis client or a Redis URL. By default the URL in ``ATDATA_REDIS_URL``; if
            that is not set either, the index is the SQLite file ``atdata/index.db`` in the
            user's XDG data folder.
        data_store: Where ``insert_dataset`` writes shards; None to index them where they are.
        auto_stubs: Write a stub file for editors whenever a schema is decoded.
        stub_dir: Folder of the stub files; by default ``atdata/stubs`` in the XDG data folder.
        path: The SQLite file to use. It is made if it is missing. Paths of shards below its
            folder are kept relative to it; if the index is below the user's home, other paths
            below the home are kept relative to that.
        check_places: For an index on a Redis server, which machines may share: refuse paths of
            this machine, and shards that can't be opened. False if all share a file system.
        redis_kwargs: Options of a Redis client, such as ``host=`` and ``port=``.

    Raises:
        TypeError: Both a Redis server and a file are named.
        StorageError: ``data_store`` is not a store. Every method raises it, too, if the database
            can't be used.
        RecordError: From methods that read, if a stored row is damaged.
    """

    def __init__(
        self,
        redis: redis_py.Redis | str | None = None,
        data_store: AbstractDataStore | None = None,
        auto_stubs: bool = False,
        stub_dir: str | os.PathLike[str] | None = None,
        *,
        path: str | os.PathLike[str] | None = None,
        check_places: bool = True,
        **redis_kwargs: Any,
    ) -> None:
        self.backend = open_backend(redis, path, redis_kwargs)
        self._is_checked = check_places and self.backend.folder is None
        self._schemas = SchemaTable(self.backend)
        self._entries = EntryTable(self.backend, self._schemas)
        self._stubs = StubFolder(stub_dir) if auto_stubs else None
        if data_store is not None:
            check_store(data_store)
        self.data_store = data_store
        self.types = SampleTypes()

    def __repr__(self) -> str:
        return f"LocalIndex({self.backend!r}, data_store={self.data_store!r})"

    def __enter__(self) -> LocalIndex:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database. The index opens it again when it is used again."""
        self.backend.close()

    # Datasets

    def insert_dataset(
        self,
        ds: Dataset[Any],
        *,
        name: str,
        schema_ref: str | None = None,
        prefix: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        description: str | None = None,
        tags: Sequence[str] | None = None,
        license: str | None = None,  # noqa: A002 - the lexicon's word
        replace: bool = False,
        **store_options: Any,
    ) -> LocalDatasetEntry:
        """Add a dataset.

        Its shards are copied, byte for byte, to the index's data store; without one, they are
        indexed where they are. Options such as ``maxcount`` cut the samples into other shards,
        which have another content CID. Shards are written first, then the schema, then the entry
        in one step: a process that dies leaves no partial entry, and a second run completes.

        Args:
            ds: The dataset.
            name: Its name in the index; :mod:`atdata.base.names` has the rule.
            schema_ref: Reference of its schema, ``atdata://local/sampleSchema/{Class}@{version}``,
                which is published under this version if it is not yet; by default the latest one
                with the document of ``ds.sample_type``, published if there is none.
            prefix: Where in the data store; by default the dataset's name.
            metadata: Free metadata: a JSON object; by default the dataset's own.
            description: What it holds, for readers; ``promote_to_atmosphere`` publishes it.
            tags: Words to find it by, also published.
            license: An SPDX expression, or the URL of a license, also published.
            replace: Let the name stand for this data from now on, whatever it stood for.
            store_options: ``progress``, and options of the store's ``write_shards`` that ask for
                other shards: ``maxcount``, ``maxsize``.

        Returns:
            The entry. Inserting the same data under the same name again updates its URLs,
            metadata and the like, and is not a conflict.

        Raises:
            EntryError: The name or metadata can't be used, or a shard has no URL; or the index is
                shared, and a shard is a local path or can't be opened.
            EntryConflict: The name stands for other data.
            RecordError: The tags or the license can't be used.
            SchemaNotFound: ``schema_ref`` is not a reference of the class of the samples.
            SchemaConflict: ``schema_ref`` describes other samples; or without it, another class
                of this name is published.
            ShardError: A local shard is damaged.
            UrlError: The prefix can't be used.
        """
        check_dataset(ds)
        details = checked_details(
            ds.metadata if metadata is None else metadata,
            description=description,
            tags=tags,
            license=license,
        )
        self._check(ds.sample_type, name, schema_ref)
        if self.data_store is None:
            if store_options:
                raise TypeError(f"no data_store takes the options {', '.join(store_options)}")
            place = self._placed(ds)
        else:
            if self._is_checked and isinstance(self.data_store, LocalDiskStore):
                check_shared([str(self.data_store.root)])
            store_options["prefix"] = prefix_for(name) if prefix is None else prefix
            if not replace:
                self._check_free(ds, name, store_options)
            place = stored(transfer(ds, self.data_store, **store_options))
        return self._put(ds, name, schema_ref, place, details, replace)

    def add_entry(
        self,
        ds: Dataset[Any],
        *,
        name: str,
        schema_ref: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        replace: bool = False,
        **details: Any,
    ) -> LocalDatasetEntry:
        """Add a dataset whose shards stay where they are, even if there is a data store.

        Arguments, result and errors are those of ``insert_dataset``; ``details`` are
        ``description``, ``tags`` and ``license``.
        """
        check_dataset(ds)
        metadata = ds.metadata if metadata is None else metadata
        checked = checked_details(metadata, **details)
        self._check(ds.sample_type, name, schema_ref)
        return self._put(ds, name, schema_ref, self._placed(ds), checked, replace)

    def get_dataset(self, ref: str) -> LocalDatasetEntry:
        """Return the entry of a name, or of an ``atdata://local/dataset/{name}`` URI.

        Raises:
            EntryNotFound: There is none; the hint lists close names.
        """
        return self._entries.get(ref)

    def open_dataset(self, ref: str, sample_type: type[Any] | None = None) -> Dataset[Any]:
        """Open the dataset of an entry; if the entry has digests, shards are checked against them.

        :class:`~atdata.sources.VerifiedSource` describes when, and how often.

        Args:
            ref: As for ``get_dataset``, or ``@local/{name}``.
            sample_type: Read the samples as this class; None for the class of the entry's schema.

        Raises:
            EntryNotFound: There is no such entry.
            SchemaNotFound, SchemaError: Its schema is not in the index, or does not describe a
                sample type.
            DigestMismatch: The entry has another number of shards than URLs; and from reading, if
                a shard is not the one that was inserted.
        """
        # Earlier code writes a name in its own index as "@local/{name}".
        entry = self.get_dataset(ref.partition("/")[2] if ref.startswith("@") else ref)
        decoded = sample_type or self.decode_schema(entry.schema_ref)
        urls = source_of(entry.data_urls, self.data_store)
        source = urls if entry.shards is None else VerifiedSource(urls, entry.shards)
        return Dataset[decoded](source)  # type: ignore[valid-type]

    def get_entry_by_name(self, name: str) -> LocalDatasetEntry:
        """Return the entry of a name, as ``get_dataset``."""
        return self._entries.get(name)

    def get_entry(self, cid: str) -> LocalDatasetEntry:
        """Return an entry by its CID; the first by name, if several names stand for the same data.

        Raises:
            EntryNotFound: There is none.
        """
        return self._entries.of_cid(cid)

    def list_datasets(self) -> Listing[LocalDatasetEntry]:
        """Return a view of all entries, by name."""
        return Listing(lambda: self._entries)

    @property
    def datasets(self) -> Listing[LocalDatasetEntry]:
        """All entries, as from ``list_datasets``."""
        return self.list_datasets()

    # Names of earlier code.
    list_entries = list_datasets
    entries = datasets

    def rename_dataset(self, old: str, new: str | None = None) -> LocalDatasetEntry:
        """Give a dataset another name in the index; no shard is read, copied or moved.

        The new entry is written before the old one is removed: after a crash, call it again.

        Args:
            old: Its name.
            new: The name that it gets; one made from the old name if that can't be used for
                new datasets, as for all of :func:`atdata.local.migrate_names`.

        Raises:
            EntryNotFound: There is no such entry.
            EntryConflict: The new name stands for other data.
            EntryError: The new name can't be used.
        """
        entry = self.get_dataset(old)
        return self._entries.rename(entry, suggested_name(entry.name) if new is None else new)

    def relocate(
        self, old: str | os.PathLike[str] = "", new: str | os.PathLike[str] = ""
    ) -> list[str]:
        """Record where shards have moved to; no shard is read or copied.

        Paths below the index's folder are kept relative, as are those below the user's home if
        the index is there; they need no relocation when the folder or home moves. Without
        arguments, entries of earlier versions are converted to that form.

        Args:
            old: The folder, or the start of the URLs, where shards were.
            new: Where they are now.

        Returns:
            Names of the entries that changed.

        Raises:
            StorageError: A file is not at its new place. Nothing is changed then.
        """
        if bool(old) != bool(new):
            raise UrlError(
                "only one place is named", hint="Name where the shards were, and where they are."
            )
        if not old:
            return self._entries.relocate(lambda url: url)
        before, after = folder_or_url(old), folder_or_url(new)
        return self._entries.relocate(lambda url: moved(url, before, after))

    # Schemas

    def publish_schema(
        self, sample_type: type[Any], *, version: str | None = None, **fields: Any
    ) -> str:
        """Publish the schema of a sample type.

        Args:
            sample_type: A packable class.
            version: Its semantic version. By default the latest published one, if it has the same
                content, and otherwise the one that follows it, ``1.0.0`` if there is none: a
                patch if only descriptions or ``fields`` differ; a minor version if fields with
                defaults are added; a major one if data or readers break.
                :mod:`atdata.samples.evolution` has the rules.
            fields: ``description``, ``license`` and ``tags`` of the record.

        Returns:
            ``atdata://local/sampleSchema/{Class}@{version}``.

        Raises:
            SchemaError: The class has no schema, or name or version can't be used.
            SchemaConflict: The version is published with other content; or none is given, and
                another class of this name is published.
        """
        check_class(sample_type)
        return self._schemas.publish(sample_type, version, **fields).ref

    def get_schema(self, ref: str) -> LocalSchema:
        """Return the schema of a reference (also ``local://schemas/…``), as a read-only mapping.

        Raises:
            SchemaNotFound: There is none; the hint lists published versions.
        """
        return self._schemas.get(ref)

    def list_schemas(self) -> Listing[LocalSchema]:
        """Return a view of all schemas, by name and version."""
        return Listing(lambda: self._schemas)

    @property
    def schemas(self) -> Listing[LocalSchema]:
        """All schemas, as from ``list_schemas``."""
        return self.list_schemas()

    def decode_schema(self, ref: str) -> type[Any]:
        """Return a class that behaves as the one whose schema was published.

        Raises:
            SchemaNotFound: There is no such schema.
            SchemaError: Its document does not describe a sample type.
        """
        schema = self._schemas.get(ref)
        sample_type = from_record(schema.record)
        if self._stubs is not None:
            self._stubs.write(sample_type, schema.name, schema.version)
        return sample_type

    @overload
    def decode_schema_as(self, ref: str, hint: type[T]) -> type[T]: ...
    @overload
    def decode_schema_as(self, ref: str, *, type_hint: type[T]) -> type[T]: ...
    def decode_schema_as(
        self, ref: str, hint: type[Any] | None = None, *, type_hint: type[Any] | None = None
    ) -> type[Any]:
        """Decode as ``decode_schema``; type checkers take the result for the class ``hint``.

        ``type_hint`` is the name that earlier code gives the hint.
        """
        return self.decode_schema(ref)

    def load_schema(self, ref: str) -> type[Any]:
        """Decode as ``decode_schema``, and make the class an attribute of ``types`` by its name."""
        sample_type = self.decode_schema(ref)
        self.types.add(self._schemas.get(ref).name, sample_type)
        return sample_type

    # Stubs

    @property
    def stub_dir(self) -> Path | None:
        """Folder of the stub files; None without ``auto_stubs``."""
        return None if self._stubs is None else self._stubs.root

    def get_import_path(self, ref: str) -> str | None:
        """Return a class's module name for type checkers; None without ``auto_stubs``.

        Raises:
            SchemaNotFound: There is no such schema.
        """
        if self._stubs is None:
            return None
        schema = self._schemas.get(ref)
        return self._stubs.import_path(schema.name, schema.version)

    def clear_stubs(self) -> int:
        """Remove the stub files; return how many there were."""
        return 0 if self._stubs is None else self._stubs.clear()

    def _check(self, sample_type: type[Any], name: str, schema_ref: str | None) -> None:
        """Refuse invalid arguments before the first byte is written."""
        check_dataset_name(name)
        if schema_ref is None:
            self._schemas.look_up(sample_type)
        elif not schema_ref.startswith("at://"):
            self._schemas.matching(schema_ref, sample_type, dry_run=True)

    def _placed(self, ds: Dataset[Any]) -> Place:
        if self._is_checked:
            check_shared(ds.list_shards())
            check_there(ds)
        return placed(ds)

    def _check_free(self, ds: Dataset[Any], name: str, store_options: Mapping[str, Any]) -> None:
        """Refuse a name that is taken before the store is filled."""
        store = self.data_store
        if store is None or not can_dry_run(store):
            return

        def shards() -> Sequence[ShardInfo]:
            known = stored(transfer(ds, store, dry_run=True, **store_options)).shards
            return known or ()

        # Stores that can't do a dry run raise StorageError: the conflict is then found on writing.
        with contextlib.suppress(StorageError):
            self._entries.check_free(name, shards)

    def _put(
        self,
        ds: Dataset[Any],
        name: str,
        schema_ref: str | None,
        place: Place,
        details: Mapping[str, Any],
        replace: bool,
    ) -> LocalDatasetEntry:
        ref, schema_cid = self._resolved(ds.sample_type, schema_ref)
        entry = LocalDatasetEntry(
            name=name,
            schema_ref=ref,
            data_urls=place.urls,
            schema_cid=schema_cid,
            shards=place.shards,
            **details,
        )
        return self._entries.put(entry, replace=replace, keep_schema=schema_ref is None)

    def _resolved(self, sample_type: type[Any], ref: str | None) -> tuple[str, str | None]:
        """Return reference and CID of the schema that a dataset of this type has in this index."""
        if ref is None:
            schema = self._schemas.ensure(sample_type)
        elif ref.startswith("at://"):
            return ref, None  # a published record, whose content is not in this index
        else:
            schema = self._schemas.matching(ref, sample_type)
        return schema.ref, schema.cid


Index = LocalIndex
