from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray

import atdata
from atdata.cli import main
from atdata.local import LocalDatasetEntry, LocalDiskStore, LocalIndex

Command = Callable[..., Result]


@atdata.packable
class Spectrum(atdata.PackableSample):
    """One measurement."""

    values: NDArray[np.float32]
    label: int
    note: str | None = None


@pytest.fixture
def command() -> Command:
    """Runs `atdata` with these arguments; a traceback is a failure of the test."""

    def run(*arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(main, list(arguments), input=stdin, catch_exceptions=False)

    return run


@pytest.fixture
def spectra(tmp_path: Path) -> LocalDatasetEntry:
    """A dataset in the default local index: 5 samples in 2 shards."""
    samples = [Spectrum(np.full(3, i, np.float32), i) for i in range(5)]
    dataset = atdata.write_shards(samples, tmp_path / "packed", maxcount=3)
    index = LocalIndex(data_store=LocalDiskStore(tmp_path / "store"))
    return index.insert_dataset(dataset, name="spectra", metadata={"lab": 302}, maxcount=3)
