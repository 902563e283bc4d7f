from __future__ import annotations

import json

from atdata.local import LocalDatasetEntry, LocalIndex
from cli.conftest import Command


def test_an_empty_index_says_how_to_go_on(command: Command) -> None:
    assert "insert_dataset" in command("dataset", "list").stdout


def test_list(command: Command, spectra: LocalDatasetEntry) -> None:
    line = command("dataset", "list").stdout
    assert line.split() == ["spectra", spectra.schema_ref, "5", "samples"]


def test_list_as_json(command: Command, spectra: LocalDatasetEntry) -> None:
    (entry,) = json.loads(command("dataset", "list", "--json").stdout)
    assert entry["name"] == "spectra"
    assert entry["content_cid"] == spectra.content_cid
    assert entry["samples"] == 5
    assert entry["metadata"] == {"lab": 302}
    assert entry["data_urls"] == spectra.data_urls


def test_show(command: Command, spectra: LocalDatasetEntry) -> None:
    shown = command("dataset", "show", "spectra").stdout
    assert spectra.content_cid in shown
    assert all(url in shown for url in spectra.data_urls)
    assert "values: float32 array" in shown


def test_show_of_what_is_stated_about_a_dataset(
    command: Command, spectra: LocalDatasetEntry
) -> None:
    with LocalIndex() as index:
        ds = index.open_dataset("spectra")
        index.add_entry(ds, name="spectra", description="Of the lab.", license="MIT")
    assert "Of the lab." in command("dataset", "show", "spectra").stdout
    facts = json.loads(command("dataset", "show", "spectra", "--json").stdout)
    assert (facts["description"], facts["tags"], facts["license"]) == ("Of the lab.", None, "MIT")


def test_show_of_a_missing_dataset(command: Command, spectra: LocalDatasetEntry) -> None:
    result = command("dataset", "show", "spectre", "--json")
    assert result.exit_code == 4
    assert json.loads(result.stderr)["error"]["type"] == "EntryNotFound"
