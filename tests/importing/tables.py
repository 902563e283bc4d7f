"""What tests of formats share: a table, read as an engine's workers read it."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any

from atdata.importing.readers import WHOLE, Table
from atdata.importing.schema import Maker, guessed_type


def rows_of(table: Table, split: str = WHOLE) -> list[tuple[Any, ...]]:
    """The rows of a split; each part is sent to another process, so it is pickled."""
    rows = []
    for part in pickle.loads(pickle.dumps(table.splits[split])):
        found = list(part.rows())
        assert len(found) == part.count
        rows += found
    return rows


def samples_of(table: Table, split: str = WHOLE) -> list[Any]:
    """The rows of a split as samples, packed and read again."""
    sample_type: Any = guessed_type("Sample", table.columns)
    made = Maker.of(sample_type, table.columns).samples(iter(rows_of(table, split)), 0)
    return [sample_type.from_bytes(sample.packed) for sample in made]


def annotations_of(table: Table) -> Mapping[str, Any]:
    return {column.name: column.annotation for column in table.columns}


class Trap:
    """Its pickle fails the test that loads it."""

    def __reduce__(self) -> Any:
        return _loaded, ()


def _loaded() -> None:
    raise BaseException("a pickle was loaded")
