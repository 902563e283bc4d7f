"""Opening a database by its path or URL."""

from __future__ import annotations

from pathlib import Path

from atdata.appview.database.protocol import Database


def open_database(where: str | Path) -> Database:
    """Open a database, and make its tables when they are missing.

    Args:
        where: Path of an SQLite file, or a ``postgresql://`` URL.

    Raises:
        MissingExtra: It is PostgreSQL, and its driver is not installed.
        StorageError: It can't be opened.
    """
    if str(where).startswith(("postgresql://", "postgres://")):
        from atdata.appview.database.postgres import PostgresDatabase

        return PostgresDatabase(str(where))
    from atdata.appview.database.sqlite import SqliteDatabase

    return SqliteDatabase(Path(where))
