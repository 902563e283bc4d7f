from __future__ import annotations

import json

import pytest

from atdata.local import LocalDatasetEntry
from cli.conftest import Command


def test_list(command: Command, spectra: LocalDatasetEntry) -> None:
    assert command("schema", "list").stdout.split() == ["Spectrum", "1.0.0"]
    (record,) = json.loads(command("schema", "list", "--json").stdout)
    assert record["name"] == "Spectrum"


@pytest.mark.parametrize(
    "reference", ["Spectrum@1.0.0", "atdata://local/sampleSchema/Spectrum@1.0.0"]
)
def test_show(command: Command, spectra: LocalDatasetEntry, reference: str) -> None:
    lines = command("schema", "show", reference).stdout.splitlines()
    assert lines[0].split() == ["name", "Spectrum"]
    fields = [line.strip() for line in "\n".join(lines).partition("fields")[2].splitlines()]
    assert fields == ["values: float32 array", "label: integer", "note?: string or null"]


def test_show_as_json(command: Command, spectra: LocalDatasetEntry) -> None:
    record = json.loads(command("schema", "show", "Spectrum@1.0.0", "--json").stdout)
    assert record["$type"] == "ac.foundation.dataset.sampleSchema"
    assert json.loads(record["schema"]["text"])["title"] == "Spectrum"


def test_show_of_a_missing_schema(command: Command) -> None:
    result = command("schema", "show", "Nobody@1.0.0")
    assert result.exit_code == 4
    assert "Nobody" in result.stderr
