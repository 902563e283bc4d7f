"""One rule for the names of datasets, in all that gives a dataset its name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import atdata
from atdata.atmosphere import AtmosphereClient, DatasetPublisher
from atdata.base.names import suggested_name
from atdata.errors import AtdataError, EntryError, ManifestError
from atdata.lifecycle import pack, publish
from atdata.local import LocalDatasetEntry, LocalIndex, migrate_names
from atdata.local.entry_table import EntryTable
from atdata.local.schema_table import SchemaTable
from atdata.promote import promote_to_atmosphere
from atdata.shards.manifest import Manifest
from readings import readings

pytestmark = pytest.mark.xdist_group("pds")

GOOD = ["mnist-train", "My Dataset", "v1.0_x", "データ", "Größe 3", "हिन्दी", "2024", "x" * 128]
BAD = [
    *("", " a", "a ", "-a", ".hidden", "a..b", "end.", "aux", "Nul.v2", "x" * 129, "数" * 57),
    *("team/mnist", "a\\b", "../x", "a:b", "{0..9}", "100%", "a\nb", "a\x00b", "\u202eevil"),
    *("Gro\u0308ße", "a?b", "$HOME", "~", "🦓"),
]

Workflow = Callable[[str], Any]


def raising(report: Any) -> Any:
    """What a report has found, as an error."""
    for finding in report.findings:
        raise ManifestError(finding.message, code=finding.code)
    return report


@pytest.fixture(params=["write_shards", "insert", "promote", "publish a record", "pack", "publish"])
def workflow(request: pytest.FixtureRequest, tmp_path: Path) -> Workflow:
    """A function that gives a dataset of ten samples a name."""
    root = tmp_path / "root"
    ds = atdata.write_shards(readings(10), root, name="readings")
    manifest = Manifest.from_json((root / "dataset.json").read_bytes())
    index = LocalIndex(path=tmp_path / "index.db")

    def renamed(name: str) -> Path:
        named = dataclasses.replace(manifest, name=name)
        (root / "dataset.json").write_bytes(named.to_json())
        return root

    def client() -> AtmosphereClient:
        found: AtmosphereClient = request.getfixturevalue("client")
        return found

    ways: dict[str, Workflow] = {
        "write_shards": lambda name: atdata.write_shards(
            readings(10), tmp_path / "new", name=name or " "
        ),
        "insert": lambda name: index.insert_dataset(ds, name=name),
        "promote": lambda name: promote_to_atmosphere(
            dataclasses.replace(index.add_entry(ds, name="readings"), name=name), index, client()
        ),
        "publish a record": lambda name: DatasetPublisher(client()).publish(ds, name=name),
        "pack": lambda name: raising(pack(renamed(name), tmp_path / "packed.tar")),
        "publish": lambda name: raising(publish(renamed(name), tmp_path / "store")),
    }
    return ways[request.param]


@pytest.mark.parametrize("name", GOOD)
def test_all_workflows_take_the_same_names(workflow: Workflow, name: str) -> None:
    workflow(name)


@pytest.mark.parametrize("name", BAD)
def test_all_workflows_refuse_the_same_names(workflow: Workflow, name: str, tmp_path: Path) -> None:
    with pytest.raises(AtdataError) as caught:
        workflow(name)
    assert isinstance(caught.value, ManifestError | EntryError)
    # A manifest's texts are of one line, whatever they are.
    assert caught.value.code in ("", "MANIFEST_NAME", "MANIFEST_FORM")
    assert not {"new", "packed.tar", "store"} & {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize("name", [*GOOD, *BAD])
def test_every_name_has_a_name_that_can_be_used_instead(name: str, tmp_path: Path) -> None:
    made = suggested_name(name)
    assert (made == name) == (name in GOOD)
    assert suggested_name(made) == made
    atdata.write_shards(readings(1), tmp_path / "a", name=made)


def put_old(index: LocalIndex, entry: LocalDatasetEntry, name: str) -> None:
    """Write an entry as earlier versions did."""
    table = EntryTable(index.backend, SchemaTable(index.backend))
    table.put(dataclasses.replace(entry, name=name))


def test_entries_with_earlier_names_are_read_and_renamed(
    tmp_path: Path, client: AtmosphereClient
) -> None:
    index = LocalIndex(path=tmp_path / "index.db")
    ds = atdata.write_shards(readings(10), tmp_path / "root", name="readings")
    entry = index.insert_dataset(ds, name="readings")
    for name in ("team/mnist", "a?b", "a:b"):
        put_old(index, entry, name)
    assert len(index.datasets) == 4
    old = index.get_dataset("team/mnist")
    assert len(index.open_dataset("team/mnist")) == 10

    with pytest.raises(EntryError, match="contains '/'") as caught:
        promote_to_atmosphere(old, index, client)
    assert caught.value.hint
    assert "'team-mnist'" in caught.value.hint
    assert promote_to_atmosphere(old, index, client, name="team-mnist").endswith("/team-mnist")

    report = migrate_names(index)
    assert (report.entries, report.problems) == (["a-b", "a-b", "team-mnist"], {})
    assert index.datasets.names() == ["a-b", "readings", "team-mnist"]
    assert index.get_dataset("team-mnist") == dataclasses.replace(old, name="team-mnist")
    assert migrate_names(index).entries == []


def test_a_rename_to_a_name_of_other_data_changes_nothing(tmp_path: Path) -> None:
    index = LocalIndex(path=tmp_path / "index.db")
    for number, name in enumerate(("first", "team-mnist"), start=1):
        ds = atdata.write_shards(readings(number), tmp_path / name)
        index.insert_dataset(ds, name=name)
    put_old(index, index.get_dataset("first"), "team/mnist")
    before = list(index.datasets)
    report = migrate_names(index)
    assert list(report.problems) == ["team/mnist"]
    assert "other data" in report.problems["team/mnist"]
    assert list(index.datasets) == before
    assert index.rename_dataset("team/mnist", "third").name == "third"
    with pytest.raises(EntryError):
        index.rename_dataset("third", "a/b")
    with pytest.raises(KeyError):
        index.rename_dataset("team/mnist")
