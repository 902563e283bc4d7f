from __future__ import annotations

import json

import pytest

from atdata.local import LocalDatasetEntry
from cli.conftest import Command


@pytest.mark.parametrize("option", ["--limit", "--head"])
def test_first_samples_of_files(command: Command, spectra: LocalDatasetEntry, option: str) -> None:
    result = command("load", spectra.data_urls[0], option, "2", "--json")
    samples = json.loads(result.stdout)["samples"]
    assert [sample["label"] for sample in samples] == [0, 1]


def test_a_missing_file(command: Command) -> None:
    result = command("load", "no-such.tar")
    assert result.exit_code == 4
    assert "no-such.tar" in result.stderr
