"""The entries of a local index: finding them, and writing one as a single step."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace as changed

from atdata.base.names import check_dataset_name
from atdata.errors import EntryConflict, EntryNotFound, RecordError, StorageError
from atdata.local.backend import Backend, EntryRow
from atdata.local.entry import LocalDatasetEntry, name_of
from atdata.local.paths import Anchor, check_there
from atdata.local.schema_table import SchemaTable
from atdata.shards.info import ShardInfo

_PAGE = 100
# Each failed attempt means that another process has written the same name in between.
_ATTEMPTS = 100


class EntryTable:
    """Entries by name and by CID, in a backend."""

    def __init__(self, backend: Backend, schemas: SchemaTable) -> None:
        self._backend = backend
        self._schemas = schemas
        self._anchor = Anchor(backend.folder)

    def get(self, ref: str) -> LocalDatasetEntry:
        """Return the entry of this name or URI; ``EntryNotFound`` if there is none."""
        name = name_of(ref)
        row = self._backend.entry(name)
        if row is None:
            raise EntryNotFound(f"no dataset {name!r} in the index", hint=self._near(name))
        return self._read(row)

    def check_free(self, name: str, shards: Callable[[], Sequence[ShardInfo]]) -> None:
        """Refuse a name that stands for other shards, before these shards are stored.

        Args:
            name: The name.
            shards: Returns the infos of these shards; called only if there is an entry to compare.

        Raises:
            EntryConflict: The name stands for other shards.
        """
        row = self._backend.entry(name)
        known = None if row is None else self._read(row)
        if known is None or known.shards is None:
            return
        if known.shards != tuple(shards()):
            raise _conflict(known)

    def of_cid(self, cid: str) -> LocalDatasetEntry:
        """Return the first entry, by name, with this CID; ``EntryNotFound`` if none has it."""
        row = self._backend.entry_of(cid)
        if row is None:
            raise EntryNotFound(f"no dataset in the index has the CID {cid}")
        return self._read(row)

    def __iter__(self) -> Iterator[LocalDatasetEntry]:
        after = ""
        while page := self._backend.entries(after, _PAGE):
            for row in page:
                yield self._read(row)
            after = page[-1].name

    def put(
        self, entry: LocalDatasetEntry, *, replace: bool = False, keep_schema: bool = False
    ) -> LocalDatasetEntry:
        """Write an entry; return what the index then holds.

        The same data under the same name is not a conflict: URLs and metadata are updated, and
        the time of the first insertion stays.

        Args:
            entry: The entry.
            replace: Let the name stand for this data, whatever it stood for.
            keep_schema: Of two versions of a schema with one document, keep the one that an
                entry with this data has already, and with it the entry's CID.

        Raises:
            EntryConflict: The name stands for other data, and ``replace`` is false.
        """
        for _ in range(_ATTEMPTS):
            present = self._backend.entry(entry.name)
            final = entry
            if present is not None:
                final = self._merged(present, entry, replace=replace, keep_schema=keep_schema)
            row = EntryRow(final.name, final.cid, self._anchor.to_kept(final).to_text())
            if row == present or self._backend.put_entry(row, before=present):
                return final
        raise StorageError(
            f"the entry of dataset {entry.name!r} could not be written",
            hint="Others write the same name all the time, or what is stored there is damaged.",
        )

    def rename(self, entry: LocalDatasetEntry, name: str) -> LocalDatasetEntry:
        """Write an entry under another name, then remove it; return what the index then holds.

        Raises:
            EntryConflict: The name stands for other data.
            EntryError: The name can't be used.
        """
        if name == entry.name:
            return entry
        check_dataset_name(name)
        row = self._backend.entry(entry.name)
        renamed = self.put(changed(entry, name=name), keep_schema=True)
        if row is not None and self._read(row) == entry:
            self._backend.drop_entry(row)
        return renamed

    def relocate(self, move: Callable[[str], str]) -> list[str]:
        """Change the paths and URLs of all entries' shards, and store paths as relative ones.

        Args:
            move: Returns the new path or URL of a shard.

        Returns:
            Names of the entries that changed.

        Raises:
            StorageError: There is no file at a new path. Nothing is changed then.
        """
        changes = []
        for old in list(self):
            new = changed(old, data_urls=[move(url) for url in old.data_urls])
            if new != old:
                check_there(new)
            changes.append((old, new))
        return [new.name for old, new in changes if self._move(old, new)]

    def _move(self, old: LocalDatasetEntry, new: LocalDatasetEntry) -> bool:
        present = self._backend.entry(old.name)
        if present is None or self._read(present) != old:
            return False  # written meanwhile by another process
        row = EntryRow(new.name, new.cid, self._anchor.to_kept(new).to_text())
        return row != present and self._backend.put_entry(row, before=present)

    def _read(self, row: EntryRow) -> LocalDatasetEntry:
        return self._anchor.to_used(LocalDatasetEntry.from_text(row.name, row.text))

    def _merged(
        self, row: EntryRow, entry: LocalDatasetEntry, *, replace: bool, keep_schema: bool
    ) -> LocalDatasetEntry:
        try:
            old = self._read(row)
        except RecordError:
            if replace:
                return entry
            raise
        if self._same_data(old, entry):
            return _updated(old, entry, keep_schema=keep_schema)
        if replace:
            return entry
        raise _conflict(old)

    def _same_data(self, old: LocalDatasetEntry, new: LocalDatasetEntry) -> bool:
        """Return whether both are the same bytes, described by the same document.

        Versions of a schema with one document have different CIDs, but are equal here:
        publishing a schema again does not change the data.
        """
        if old.shards is not None and new.shards is not None:
            same = old.shards == new.shards
        else:
            same = old.data_urls == new.data_urls
        return same and self._schemas.agree(old.schema_ref, new.schema_ref)

    def _near(self, name: str) -> str:
        # A typo at the very start is rare: the names that follow its first letter are enough.
        names = [row.name for row in self._backend.entries(name[:1], _PAGE)]
        close = difflib.get_close_matches(name, names, n=3)
        if close:
            return f"Did you mean {' or '.join(map(repr, close))}?"
        return "Insert it first: index.insert_dataset(ds, name=...)."


def _conflict(known: LocalDatasetEntry) -> EntryConflict:
    return EntryConflict(
        f"{known.name!r} stands for other data already ({known.cid})",
        uri=known.uri,
        hint="Choose another name, or pass replace=True.",
    )


def _updated(
    old: LocalDatasetEntry, new: LocalDatasetEntry, *, keep_schema: bool
) -> LocalDatasetEntry:
    """Return the new entry, with facts that only the old one has."""
    if keep_schema or old.schema_ref == new.schema_ref:
        ref, schema_cid = old.schema_ref, old.schema_cid or new.schema_cid
    else:
        ref, schema_cid = new.schema_ref, new.schema_cid
    stated = {
        name: getattr(old if getattr(new, name) is None else new, name)
        for name in ("metadata", "description", "tags", "license")
    }
    return changed(
        new,
        schema_ref=ref,
        schema_cid=schema_cid,
        **stated,
        shards=new.shards or old.shards,
        created_at=old.created_at,
    )
