"""PostgreSQL, for an AppView of several processes or machines. Needs the extra ``postgres``."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from atdata.appview.database.protocol import Parameters, QueryTooLong, Row, Text, TextSearch
from atdata.appview.database.tables import ADDED, statements, table_statements
from atdata.base.extras import require
from atdata.errors import StorageError

_NUMBER = "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
_WORDS = """
CREATE TABLE IF NOT EXISTS words (
    dataset BIGINT PRIMARY KEY REFERENCES datasets (id) ON DELETE CASCADE,
    found tsvector NOT NULL
);
CREATE INDEX IF NOT EXISTS words_found ON words USING gin (found)
"""
_QUERY = "to_tsquery('simple', ?)"
_CONNECTIONS = 12  # more than threads read, so that the ingest need not wait for them
# Two processes that make the tables at the same time would conflict.
_LOCK = 7_100_291
# SQLSTATEs of values beyond a limit, such as that of an index: not a failure of the server.
_LIMITS = "54"


class PostgresDatabase:
    """A PostgreSQL database, over a small pool of connections.

    Args:
        url: ``postgresql://user:password@host/name``.

    Raises:
        MissingExtra: The driver is not installed.
        StorageError: The server can't be reached.
    """

    text_search = TextSearch(
        join="JOIN words ON words.dataset = d.id",
        where="words.found @@ " + _QUERY,
        rank="(-ts_rank(words.found, " + _QUERY + "))::float8",
        word="{}",
        prefix="{}:*",
        conjunction=" & ",
    )

    def __init__(self, url: str) -> None:
        self._driver = require("psycopg", extra="postgres")
        self._rows = require("psycopg.rows", extra="postgres").dict_row
        self._url = url
        self._free: queue.LifoQueue[Any] = queue.LifoQueue()
        for _ in range(_CONNECTIONS):
            self._free.put(None)
        try:
            with self._borrowed() as connection, connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
                for statement in [*table_statements(_NUMBER), *statements(_WORDS)]:
                    connection.execute(statement)
                for table, column in ADDED:
                    connection.execute(
                        f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column} TEXT"
                    )
        except self._driver.Error as error:
            # The driver's own text may contain the URL with its password.
            raise StorageError(
                f"can't open the PostgreSQL database ({type(error).__name__})"
            ) from None

    def read(
        self, sql: str, parameters: Parameters = (), *, seconds: float | None = None
    ) -> list[Row]:
        """Return the rows of one SELECT."""
        # PostgreSQL accepts no NUL, and there is none in its tables.
        values = [
            one.replace("\0", "\ufffd") if isinstance(one, str) else one for one in parameters
        ]
        with self._failing(), self._borrowed() as connection, connection.transaction():
            if seconds is not None:
                connection.execute(f"SET LOCAL statement_timeout = {int(seconds * 1000)}")
            try:
                rows: list[Row] = connection.execute(_dialect(sql), values).fetchall()
            except self._driver.errors.QueryCanceled:
                raise QueryTooLong("the search takes too long") from None
            return rows

    @contextmanager
    def write(self) -> Iterator[_Transaction]:
        """Run a transaction."""
        with self._failing(), self._borrowed() as connection, connection.transaction():
            yield _Transaction(connection)

    def close(self) -> None:
        """Close all connections."""
        for _ in range(_CONNECTIONS):
            connection = self._free.get()
            if connection is not None:
                connection.close()

    @contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except (self._driver.OperationalError, self._driver.InterfaceError) as error:
            if (error.sqlstate or "").startswith(_LIMITS):
                raise
            # The driver's own text may contain the URL with its password.
            raise StorageError(f"the PostgreSQL database fails ({type(error).__name__})") from None

    @contextmanager
    def _borrowed(self) -> Iterator[Any]:
        connection = self._free.get()
        try:
            if connection is None or connection.closed:
                connection = self._driver.connect(
                    self._url, autocommit=True, row_factory=self._rows
                )
            yield connection
        finally:
            if connection is not None and connection.closed:
                self._drop_idle()
            self._free.put(connection)

    def _drop_idle(self) -> None:
        """Close the idle connections: when one breaks, the server went away."""
        idle = []
        with contextlib.suppress(queue.Empty):
            while True:
                idle.append(self._free.get_nowait())
        for connection in idle:
            if connection is not None:
                connection.close()
            self._free.put(None)


class _Transaction:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def run(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        cursor = self._connection.execute(_dialect(sql), parameters)
        return cursor.fetchall() if cursor.description else []

    def put_text(self, dataset: int, text: Text) -> None:
        self.run(
            "INSERT INTO words (dataset, found) VALUES (?,"
            " setweight(to_tsvector('simple', ?), 'A') ||"
            " setweight(to_tsvector('simple', ?), 'B') ||"
            " setweight(to_tsvector('simple', ?), 'D'))"
            " ON CONFLICT (dataset) DO UPDATE SET found = excluded.found",
            (dataset, *text),
        )

    def drop_text(self, dataset: int) -> None:
        self.run("DELETE FROM words WHERE dataset = ?", (dataset,))


def _dialect(sql: str) -> str:
    return sql.replace("?", "%s")
