from __future__ import annotations

from pathlib import Path

import pytest

from atdata.cli.exits import report_exit
from atdata.lifecycle import Catalog, Report, collect_garbage, publish
from atdata.lifecycle.serving.store import open_store, release_key

from .conftest import BuildRoot


@pytest.fixture
def catalog(build_root: BuildRoot, store_root: str) -> Catalog:
    """A store with the releases 1.0.0 and 1.1.0 of `readings`."""
    publish(build_root("1.0.0"), store_root)
    publish(build_root("1.1.0", start=20), store_root)
    return Catalog(store_root)


def codes(report: Report) -> list[str]:
    return [finding.code for finding in report.findings]


def test_list_and_show(catalog: Catalog) -> None:
    (row,) = catalog.list().result["datasets"]
    assert row["name"] == "readings"
    assert row["versions"] == ["1.0.0", "1.1.0"]
    assert row["current"] is None
    releases = catalog.show("readings").result["releases"]
    assert [release["samples"] for release in releases] == [10, 10]
    assert codes(catalog.show("nothing")) == ["CATALOG_MISSING"]


def test_promotion_is_a_generation(catalog: Catalog) -> None:
    assert catalog.promote("readings", "1.0.0").outcome == "promoted"
    assert catalog.promote("readings", "1.1.0").outcome == "promoted"
    (row,) = catalog.list().result["datasets"]
    assert (row["current"], row["generation"]) == ("1.1.0", 2)
    generations = catalog.history("readings").result["generations"]
    assert [generation["current"] for generation in generations] == ["1.0.0", "1.1.0"]


def test_a_missing_release_is_not_promoted(catalog: Catalog) -> None:
    assert codes(catalog.promote("readings", "9.9.9")) == ["RELEASE_MISSING"]


def test_a_damaged_release_is_not_promoted(catalog: Catalog) -> None:
    objects = catalog.store.objects
    stat = next(iter(objects.find("shards/")))
    objects.delete(stat.key)
    objects.create(stat.key, bytes(stat.size))
    reports = [catalog.promote("readings", version) for version in ("1.0.0", "1.1.0")]
    assert sorted(report.ok for report in reports) == [False, True]


def test_change_is_refused_when_another_process_was_faster(catalog: Catalog) -> None:
    catalog.promote("readings", "1.0.0")
    late = catalog.promote("readings", "1.1.0", expect_generation=0)
    assert codes(late) == ["CATALOG_MOVED"]
    (row,) = catalog.list().result["datasets"]
    assert row["current"] == "1.0.0"


def test_rollback_restores_a_generation(catalog: Catalog) -> None:
    catalog.promote("readings", "1.0.0")
    catalog.alias("readings", "stable", "1.0.0")
    catalog.promote("readings", "1.1.0")
    assert catalog.rollback("readings", 1).outcome == "rolled_back"
    (row,) = catalog.list().result["datasets"]
    assert (row["current"], row["generation"], row["aliases"]) == ("1.0.0", 4, {})
    assert codes(catalog.rollback("readings", 9)) == ["CATALOG_MISSING"]


def test_rollback_refuses_a_dangling_alias(catalog: Catalog) -> None:
    catalog.promote("readings", "1.0.0")
    catalog.promote("readings", "1.1.0")
    catalog.store.objects.delete(release_key("readings", "1.0.0"))
    assert codes(catalog.rollback("readings", 1)) == ["ALIAS_DANGLING"]


def test_an_alias_comes_and_goes(catalog: Catalog) -> None:
    assert catalog.alias("readings", "stable", "1.1.0", dry_run=True).outcome == "would_alias"
    assert codes(catalog.history("readings")) == ["CATALOG_MISSING"]
    catalog.alias("readings", "stable", "1.1.0")
    assert catalog.show("readings").result["aliases"] == {"stable": "1.1.0"}
    catalog.alias("readings", "stable", None)
    assert catalog.show("readings").result["aliases"] == {}


def test_garbage_is_planned_then_removed(
    catalog: Catalog, store_root: str, no_least_grace: None
) -> None:
    catalog.promote("readings", "1.1.0")
    objects = catalog.store.objects
    kept = {stat.key for stat in objects.find("shards/")}
    objects.create("shards/" + "0" * 64 + ".tar", b"unneeded")
    young = collect_garbage(store_root)
    assert young.result["files"] == []
    plan = collect_garbage(store_root, grace=0.0)
    assert plan.outcome == "planned"
    assert plan.result["files"] == ["shards/" + "0" * 64 + ".tar"]
    assert codes(collect_garbage(store_root, apply="0" * 64, grace=0.0)) == ["GC_MOVED"]
    done = collect_garbage(store_root, apply=plan.result["plan"], grace=0.0)
    assert done.outcome == "collected"
    assert {stat.key for stat in objects.find("shards/")} == kept


def test_garbage_is_safe_when_a_release_can_not_be_read(
    catalog: Catalog, store_root: str, no_least_grace: None
) -> None:
    store = open_store(store_root)
    store.objects.delete(release_key("readings", "1.0.0"))
    store.objects.create(release_key("readings", "1.0.0"), b"{")
    report = collect_garbage(store_root, grace=0.0)
    assert codes(report) == ["GC_UNSAFE"]


def test_a_grace_shorter_than_publications_need_is_refused_with_the_number(
    catalog: Catalog, store_root: str
) -> None:
    least = catalog.store.least_grace
    assert least == (12 * 3600 if "://" in store_root else 0)
    for apply in (None, "0" * 64):
        report = collect_garbage(store_root, apply=apply, grace=least - 1)
        assert codes(report) == ["GC_GRACE"]
        assert f"--grace {least / 3600:g}" in report.findings[0].message
        assert report_exit(report) == 6
    assert collect_garbage(store_root, grace=least).outcome == "planned"


@pytest.fixture
def outside(build_root: BuildRoot, tmp_path: Path) -> Path:
    """A file that no store has ever owned."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "precious.tar").write_bytes(b"mine")
    return folder


@pytest.mark.parametrize("place", ["shards", "shards/more", "releases", "schemas/more"])
def test_garbage_is_not_looked_for_through_links(
    build_root: BuildRoot, tmp_path: Path, outside: Path, place: str
) -> None:
    store = tmp_path / "store"
    publish(build_root(), store)
    if (store / place).exists():
        (store / place).rename(tmp_path / "moved")
    (store / place).symlink_to(outside)
    plan = collect_garbage(store, grace=0.0)
    assert codes(plan) == ["FILE_LINK"]
    assert codes(collect_garbage(store, apply="0" * 64, grace=0.0)) == ["FILE_LINK"]
    assert (outside / "precious.tar").read_bytes() == b"mine"


def test_a_store_that_is_reached_through_a_link_is_a_store(
    build_root: BuildRoot, tmp_path: Path
) -> None:
    link = tmp_path / "link"
    (tmp_path / "store").mkdir()
    link.symlink_to(tmp_path / "store")
    publish(build_root(), link)
    (link / "shards" / f"{'0' * 64}.tar").write_bytes(b"unneeded")
    plan = collect_garbage(link, grace=0.0)
    assert plan.result["files"] == [f"shards/{'0' * 64}.tar"]
    assert collect_garbage(link, apply=plan.result["plan"], grace=0.0).outcome == "collected"


def test_a_link_among_workspaces_does_not_stop_the_collector(
    build_root: BuildRoot, tmp_path: Path, outside: Path
) -> None:
    store = tmp_path / "store"
    publish(build_root(), store)
    for name in ("link", ".scratch-0", ".scratch-0.lock"):
        (store / ".work" / name).symlink_to(outside)
    plan = collect_garbage(store, grace=0.0)
    assert collect_garbage(store, apply=plan.result["plan"], grace=0.0).outcome == "collected"
    assert (outside / "precious.tar").read_bytes() == b"mine"
