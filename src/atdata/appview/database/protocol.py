"""The protocol of the AppView's databases: SQLite and PostgreSQL.

Statements are written once, in the SQL that both accept, with ``?`` for parameters. Where the two
differ (text search, numbering rows), a database supplies its own SQL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol, TypeAlias

from atdata.errors import StorageError

Row: TypeAlias = Mapping[str, Any]
Parameters: TypeAlias = Sequence[Any]


class QueryTooLong(StorageError):
    """A query that takes longer than it may."""


class Text(NamedTuple):
    """The texts that a dataset can be found by, the weightiest first."""

    name: str
    tags: str
    description: str


class TextSearch(NamedTuple):
    """The SQL by which a database finds datasets by words.

    Attributes:
        join: Joins ``datasets d`` with its index of words.
        where: Holds for datasets that match.
        rank: A number; smaller is better.
        word: Format of a word in a search.
        prefix: Format of a word that may be the beginning of a longer one.
        conjunction: Between words that must all be found.
    """

    join: str
    where: str
    rank: str
    word: str
    prefix: str
    conjunction: str

    def query(self, words: Sequence[str]) -> str:
        """Return the value of each ``?`` in ``where`` and ``rank``.

        Args:
            words: Word characters only, so that none is an operator.
        """
        return self.conjunction.join(
            # Too many words start with one letter.
            (self.word if len(word) == 1 and word.isascii() else self.prefix).format(word)
            for word in words
        )


class Transaction(Protocol):
    """Statements that take effect together, or not at all."""

    def run(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Run one statement; return its rows, if it gives any."""
        ...

    def put_text(self, dataset: int, text: Text) -> None:
        """Make a dataset findable by these words, and no others."""
        ...

    def drop_text(self, dataset: int) -> None:
        """Make a dataset not findable by words."""
        ...


class Database(Protocol):
    """The AppView's database. Safe to share between threads.

    Reading and writing raise ``StorageError`` when the database fails, and may work again later.
    An error of the driver is about the values that it was given.

    Attributes:
        text_search: How datasets are found by words.
    """

    text_search: TextSearch

    def read(
        self, sql: str, parameters: Parameters = (), *, seconds: float | None = None
    ) -> list[Row]:
        """Return the rows of one SELECT.

        Raises:
            QueryTooLong: It takes longer than ``seconds``.
        """
        ...

    def write(self) -> AbstractContextManager[Transaction]:
        """Run a transaction: committed at the end of the block, undone when that raises."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...
