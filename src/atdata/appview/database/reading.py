"""Queries of the database. Only records that may be shown are found.

Pages follow a cursor of keys, so that a late page costs as much as the first one.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from atdata.appview.caching import Cached
from atdata.appview.database.protocol import Database, Row
from atdata.appview.events import TABLES, row_key
from atdata.atmosphere.keys import AtUri
from atdata.errors import SchemaError, UrlError
from atdata.samples.versions import version_order
from atdata_records import formats

_WORD = re.compile(r"\w+")
_MOST_WORDS, _MOST_TAGS = 16, 16
_LONGEST_CURSOR, _LONGEST_TEXT = 200, 2000
_SECONDS = 1.0  # that one search may take
_MOST_BYTES = 2**20  # of a page's rows
_MOST_VERSIONS = 10_000  # that are sorted
UNKNOWN_AUTHOR = "did:unknown:author"
"""The author of nothing: stands for a handle that is not known."""


@dataclass(frozen=True)
class _Table:
    """A table of listed records, joined with their repositories.

    Attributes:
        name: Its name.
        alias: Its name in queries.
        more: Columns that are selected besides those that both tables have.
    """

    name: str
    alias: str
    more: tuple[str, ...] = ()

    @property
    def columns(self) -> str:
        """The selected columns; the record is left out if there is a summary of it."""
        own = ("id", "did", "rkey", "cid", "name", "indexed_at", "summary", *self.more)
        record = f"CASE WHEN {self.alias}.summary IS NULL THEN {self.alias}.value END AS value"
        return ", ".join([*(f"{self.alias}.{name}" for name in own), record, "r.handle", "r.pds"])

    @property
    def select(self) -> str:
        """The query, to which conditions are added."""
        return (
            f"SELECT {self.columns} FROM {self.name} {self.alias}"
            f" LEFT JOIN repos r ON r.did = {self.alias}.did"
        )


_DATASETS = _Table("datasets", "d")
_SCHEMAS = _Table("schemas", "s", ("version", "schema_cid"))


class SearchError(UrlError):
    """A search that is refused."""


class CursorError(SearchError):
    """A cursor that is not from an earlier answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Criteria to find datasets by; what is None or empty is ignored.

    Attributes:
        words: Each must begin a word of the name, the tags or the description.
        tags: All of them must be there.
        license: The exact license.
        schema: AT URI of the schema's record, or CID of its content.
        author: DID.
    """

    words: str = ""
    tags: Sequence[str] = ()
    license: str | None = None
    schema: str | None = None
    author: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaSearch:
    """Criteria to find schemas by; what is None is ignored.

    Attributes:
        author: DID.
        name: The exact name.
    """

    author: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, and the cursor of the next page (None at the end)."""

    rows: list[Row]
    cursor: str | None


class Reading:
    """Reads records that may be shown.

    Args:
        database: The database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.counts = Cached(self._counts)
        """Counts of shown datasets and schemas, followed repositories, and refused records."""

    def check(self) -> None:
        """Read from the database, to check it.

        Raises:
            StorageError: It can't be read.
        """
        self._database.read("SELECT 1 FROM sources LIMIT 1")

    def did_of(self, actor: str) -> str | None:
        """Return the DID of a handle or DID; None for an unknown handle."""
        if formats.is_did(actor):
            return actor
        rows = self._database.read(
            "SELECT did FROM repos WHERE handle = ?", (actor.removeprefix("@").lower(),)
        )
        return rows[0]["did"] if len(rows) == 1 else None

    def repo(self, did: str) -> Row | None:
        """Return a repository that is followed and active."""
        rows = self._database.read(
            "SELECT * FROM repos WHERE did = ? AND status = 'active'", (did,)
        )
        return rows[0] if rows else None

    # -- datasets

    def datasets(self, search: Search, limit: int, cursor: str | None = None) -> Page:
        """Return the datasets that a search finds, best match first; newest first without words.

        Raises:
            CursorError: The cursor is not from an earlier answer to this search.
            SearchError: There are more tags than a search may have.
            QueryTooLong: The search takes too long.
        """
        where, parameters = _conditions(search)
        words = _words(search.words)
        if words:
            return self._ranked(words, where, parameters, limit, cursor)
        return self._newest(_DATASETS, where, parameters, limit, cursor)

    def _ranked(
        self,
        words: list[str],
        where: list[str],
        parameters: list[Any],
        limit: int,
        cursor: str | None,
    ) -> Page:
        by = self._database.text_search
        inner = (
            f"SELECT d.id AS id, {by.rank} AS rank FROM datasets d {by.join}"
            f" WHERE {by.where} AND {' AND '.join(where)}"
        )
        values = [by.query(words)] * (by.rank + by.where).count("?") + parameters
        after = ""
        if cursor:
            rank, number = _key(cursor, list)
            after = "WHERE (m.rank, -m.id) > (?, ?)"
            values += [float(rank), -int(number)]
        rows = self._database.read(
            f"SELECT {_DATASETS.columns}, f.rank FROM (SELECT * FROM ({inner}) m {after}"
            " ORDER BY m.rank, -m.id LIMIT ?) f JOIN datasets d ON d.id = f.id"
            " LEFT JOIN repos r ON r.did = d.did ORDER BY f.rank, -f.id",
            (*values, limit + 1),
            seconds=_SECONDS,
        )
        return _page(rows, limit, "rank", "id")

    def dataset(self, did: str, rkey: str) -> Row | None:
        """Return one dataset by its key in the table."""
        return self._one("datasets", did, rkey)

    # -- schemas

    def schemas(self, search: SchemaSearch, limit: int, cursor: str | None = None) -> Page:
        """Return the schemas that a search finds, the newest first.

        Raises:
            CursorError: The cursor is not from an earlier answer.
            QueryTooLong: The search takes too long.
        """
        where, parameters = ["s.visible = 1"], list[Any]()
        for column, value in (("s.did", search.author), ("s.name", search.name)):
            if value is not None:
                where.append(f"{column} = ?")
                parameters.append(value)
        return self._newest(_SCHEMAS, where, parameters, limit, cursor)

    def schema(self, did: str, rkey: str) -> Row | None:
        """Return one version of a schema by its key in the table."""
        return self._one("schemas", did, rkey)

    def schema_at(self, uri: str) -> Row | None:
        """Return the schema that a dataset refers to."""
        try:
            at = AtUri.parse(uri)
        except UrlError:
            return None
        did = self.did_of(at.authority)
        if did is None or TABLES.get(at.collection) != "schemas":
            return None
        return self.schema(did, row_key(at.collection, at.rkey))

    def versions(self, did: str, name: str, limit: int = 100) -> list[Row]:
        """Return the versions of a schema by precedence, the highest first, pre-releases last."""
        found = self._database.read(
            "SELECT id, version FROM schemas WHERE did = ? AND name = ? AND visible = 1"
            " ORDER BY id DESC LIMIT ?",
            (did, name, _MOST_VERSIONS),
        )
        numbers = [row["id"] for row in sorted(found, key=_precedence, reverse=True)[:limit]]
        marks = ", ".join("?" * len(numbers)) or "NULL"
        rows = self._database.read(
            f"{_SCHEMAS.select} WHERE s.id IN ({marks})",
            numbers,
        )
        return sorted(rows, key=lambda row: numbers.index(row["id"]))

    def _newest(
        self,
        table: _Table,
        where: list[str],
        parameters: list[Any],
        limit: int,
        cursor: str | None,
    ) -> Page:
        number = f"{table.alias}.id"
        if cursor:
            where = [*where, f"{number} < ?"]
            parameters = [*parameters, _key(cursor, int)]
        rows = self._database.read(
            f"{table.select} WHERE {' AND '.join(where)} ORDER BY {number} DESC LIMIT ?",
            (*parameters, limit + 1),
            seconds=_SECONDS,
        )
        return _page(rows, limit, "id")

    def _one(self, table: str, did: str, rkey: str) -> Row | None:
        rows = self._database.read(
            f"SELECT t.*, r.handle, r.pds FROM {table} t LEFT JOIN repos r ON r.did = t.did"
            " WHERE t.did = ? AND t.rkey = ? AND t.visible = 1",
            (did, rkey),
        )
        return rows[0] if rows else None

    # -- totals

    def _counts(self) -> dict[str, int]:
        (row,) = self._database.read(
            "SELECT (SELECT count(*) FROM datasets WHERE visible = 1) AS datasets,"
            " (SELECT count(*) FROM schemas WHERE visible = 1) AS schemas,"
            " (SELECT count(*) FROM repos) AS repositories,"
            " (SELECT count(*) FROM repos WHERE needs_history + needs_identity > 0) AS waiting,"
            " (SELECT count(*) FROM refused) AS refused"
        )
        return {name: int(row[name]) for name in row.keys()}  # noqa: SIM118 - sqlite3.Row


def _words(text: str) -> list[str]:
    """Return the words of a search, without those that begin a longer one, which includes them."""
    words = sorted(dict.fromkeys(_WORD.findall(text[:_LONGEST_TEXT].lower())[:_MOST_WORDS]))
    return [word for word, after in pairwise([*words, ""]) if not after.startswith(word)]


def _conditions(search: Search) -> tuple[list[str], list[Any]]:
    where, parameters = ["d.visible = 1"], list[Any]()
    if search.author is not None:
        where.append("d.did = ?")
        parameters.append(search.author)
    if search.license is not None:
        where.append("d.license = ?")
        parameters.append(search.license)
    if search.schema is not None:
        column = "schema_ref" if search.schema.startswith("at://") else "schema_cid"
        where.append(f"d.{column} = ?")
        parameters.append(search.schema)
    tags = dict.fromkeys(tag.lower() for tag in search.tags)
    if len(tags) > _MOST_TAGS:
        raise SearchError(f"a search can have at most {_MOST_TAGS} tags")
    for tag in tags:
        where.append("d.id IN (SELECT dataset FROM tags WHERE tag = ?)")
        parameters.append(tag)
    return where, parameters


def _precedence(row: Row) -> tuple[Any, ...]:
    try:
        order = version_order(row["version"])
    except SchemaError:
        return (0,)
    return (2 if order[3] else 1, *order)


def _page(rows: list[Row], limit: int, *keys: str) -> Page:
    limit = min(limit, _fitting(rows))
    if len(rows) <= limit:
        return Page(rows, None)
    last = rows[limit - 1]
    key = [last[key] for key in keys]
    text = json.dumps(key if len(key) > 1 else key[0])
    return Page(rows[:limit], base64.urlsafe_b64encode(text.encode()).decode().rstrip("="))


def _fitting(rows: list[Row]) -> int:
    """Return how many rows fit on a page by their lengths, at least one."""
    lengths = accumulate(len(row["summary"] or row["value"]) for row in rows)
    return max(1, sum(length <= _MOST_BYTES for length in lengths))


def _key(cursor: str, kind: type) -> Any:
    if len(cursor) > _LONGEST_CURSOR:
        raise CursorError("not a cursor of this service")
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError as error:
        raise CursorError("not a cursor of this service") from error
    numbers = key if type(key) is list else [key]
    sound = all(type(part) in (int, float) and abs(part) < 2**62 for part in numbers)
    if type(key) is not kind or not sound or (kind is list and len(numbers) != 2):
        raise CursorError("not a cursor of this search")
    return key
