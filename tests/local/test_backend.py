"""What every backend promises, on real databases."""

from __future__ import annotations

import multiprocessing
import threading
import uuid
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atdata.local.backend import Backend, EntryRow, SchemaRow

from .conftest import open_backend

NAMES = ["", "A", "A1", "Z", "a", "a/b", "a b", "zebra", "é", "日本", "🦓"]


def all_names(backend: Backend, count: int) -> list[str]:
    names: list[str] = []
    while page := backend.entries(names[-1] if names else "", count):
        assert len(page) <= count
        names += [row.name for row in page]
    return names


class TestEntries:
    def test_an_empty_index_has_none(self, backend: Backend) -> None:
        assert backend.entry("a") is None
        assert backend.entry_of("cid") is None
        assert backend.entries("", 10) == []

    def test_what_is_put_is_found_by_name_and_by_cid(self, backend: Backend) -> None:
        row = EntryRow("name of it", "bafyabc", '{"line": "one\\ntwo"}\n\n')
        assert backend.put_entry(row, before=None)
        assert backend.entry("name of it") == row
        assert backend.entry_of("bafyabc") == row
        assert backend.entry_of("bafyab") is None
        assert backend.entry_of("bafyabcd") is None

    def test_a_name_is_taken_once(self, backend: Backend) -> None:
        first = EntryRow("n", "c1", "1")
        assert backend.put_entry(first, before=None)
        assert not backend.put_entry(EntryRow("n", "c2", "2"), before=None)
        assert backend.entry("n") == first
        assert backend.entry_of("c2") is None

    def test_a_replacement_takes_effect_everywhere(self, backend: Backend) -> None:
        old, new = EntryRow("n", "c1", "1"), EntryRow("n", "c2", "2")
        assert backend.put_entry(old, before=None)
        assert backend.put_entry(new, before=old)
        assert backend.entry("n") == new
        assert backend.entry_of("c2") == new
        assert backend.entry_of("c1") is None
        assert backend.entries("", 10) == [new]

    def test_a_replacement_of_what_is_no_longer_there_is_not_made(self, backend: Backend) -> None:
        old, new = EntryRow("n", "c1", "1"), EntryRow("n", "c2", "2")
        assert not backend.put_entry(new, before=old)
        assert backend.put_entry(new, before=None)
        assert not backend.put_entry(EntryRow("n", "c3", "3"), before=old)
        assert backend.entry("n") == new

    def test_what_is_dropped_is_gone_everywhere(self, backend: Backend) -> None:
        row, other = EntryRow("n", "c", "1"), EntryRow("o", "c", "1")
        assert not backend.drop_entry(row)
        for one in (row, other):
            assert backend.put_entry(one, before=None)
        assert not backend.drop_entry(EntryRow("n", "c", "changed meanwhile"))
        assert backend.drop_entry(row)
        assert backend.entry("n") is None
        assert backend.entry_of("c") == other
        assert backend.entries("", 10) == [other]
        assert backend.put_entry(row, before=None)

    def test_entries_of_one_cid_stay_apart(self, backend: Backend) -> None:
        rows = [EntryRow(name, "same", name) for name in ("b", "a", "c")]
        for row in rows:
            assert backend.put_entry(row, before=None)
        assert backend.entry_of("same") == rows[1]
        assert backend.put_entry(EntryRow("a", "other", "a"), before=rows[1])
        assert backend.entry_of("same") == rows[0]

    @pytest.mark.parametrize("count", [1, 2, 100])
    def test_pages_give_each_once_in_order(self, backend: Backend, count: int) -> None:
        for name in reversed(NAMES[1:]):
            assert backend.put_entry(EntryRow(name, "c", name), before=None)
        assert all_names(backend, count) == sorted(NAMES[1:], key=str.encode)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.sampled_from(["c1", "c2"]),
            st.sampled_from("xyz"),
            st.sampled_from(["fresh", "stale", "none"]),
        ),
        max_size=12,
    )
)
def test_it_behaves_as_a_dict_would(
    backend: Backend, writes: list[tuple[str, str, str, str]]
) -> None:
    run = uuid.uuid4().hex  # all runs share the database
    model: dict[str, EntryRow] = {}
    for name, cid, text, basis in writes:
        row = EntryRow(f"{run}-{name}", f"{run}-{cid}", text)
        present = model.get(row.name)
        stale = EntryRow(row.name, row.cid, "stale")
        before = {"fresh": present, "stale": stale, "none": None}[basis]
        assert backend.put_entry(row, before=before) is (before == present)
        if before == present:
            model[row.name] = row
    assert [backend.entry(name) for name in model] == list(model.values())
    for cid in (f"{run}-c1", f"{run}-c2"):
        of_cid = sorted(row for row in model.values() if row.cid == cid)
        assert backend.entry_of(cid) == (of_cid[0] if of_cid else None)
    assert backend.entries(f"{run}-", len(model)) == sorted(model.values())


class TestSchemas:
    def test_what_is_added_is_found(self, backend: Backend) -> None:
        row = SchemaRow("Sample@1.0.0", '{"a": 1}')
        assert backend.schema(row.key) is None
        assert backend.add_schema(row)
        assert backend.schema(row.key) == row

    def test_a_key_is_taken_once(self, backend: Backend) -> None:
        row = SchemaRow("Sample@1.0.0", "1")
        assert backend.add_schema(row)
        assert not backend.add_schema(SchemaRow("Sample@1.0.0", "2"))
        assert not backend.add_schema(row)
        assert backend.schema(row.key) == row

    def test_versions_are_those_of_this_name_alone(self, backend: Backend) -> None:
        for key in ("A@1.0.0", "A@1.0.10", "A@2.0.0-rc.1", "AA@7.0.0", "A1@8.0.0", "B@9.0.0"):
            assert backend.add_schema(SchemaRow(key, key))
        assert backend.versions("A") == ["1.0.0", "1.0.10", "2.0.0-rc.1"]
        assert backend.versions("C") == []

    @pytest.mark.parametrize("count", [1, 3, 100])
    def test_pages_give_each_once_in_order(self, backend: Backend, count: int) -> None:
        keys = ["A@1.0.0", "A1@1.0.0", "AB@1.0.0", "a@1.0.0", "É@1.0.0"]
        for key in keys:
            assert backend.add_schema(SchemaRow(key, key))
        found: list[str] = []
        while page := backend.schemas(found[-1] if found else "", count):
            found += [row.key for row in page]
        assert found == sorted(keys, key=str.encode)


class TestConnections:
    def test_another_backend_sees_what_was_written(self, backends: Callable[[], Backend]) -> None:
        row = EntryRow("n", "c", "text")
        assert backends().put_entry(row, before=None)
        assert backends().entry("n") == row

    def test_it_can_be_used_after_it_was_closed(self, backend: Backend) -> None:
        row = EntryRow("n", "c", "text")
        assert backend.put_entry(row, before=None)
        backend.close()
        backend.close()
        assert backend.entry("n") == row

    def test_threads_share_it(self, backend: Backend) -> None:
        won: list[bool] = []

        def add(thread: int) -> None:
            for number in range(20):
                row = EntryRow(f"{number:02d}", f"c{thread}", str(thread))
                won.append(backend.put_entry(row, before=None))

        threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (won.count(True), won.count(False)) == (20, 140)
        assert all_names(backend, 7) == [f"{number:02d}" for number in range(20)]

    # Newer Pythons warn of any fork that happens beside other threads, such as pytest's.
    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
    def test_a_forked_child_may_use_it(self, backend: Backend) -> None:
        assert backend.put_entry(EntryRow("parent", "c", "1"), before=None)
        context = multiprocessing.get_context("fork")
        child = context.Process(
            target=backend.put_entry, args=(EntryRow("child", "c", "2"),), kwargs={"before": None}
        )
        child.start()
        child.join()
        assert child.exitcode == 0
        assert all_names(backend, 10) == ["child", "parent"]

    def test_processes_that_start_at_once_agree(self, place: str) -> None:
        context = multiprocessing.get_context("spawn")
        with context.Pool(4) as pool:
            won = sum(pool.map(_race, [(place, number) for number in range(4)]), start=0)
        backend = open_backend(place)
        assert won == 50
        assert len(all_names(backend, 100)) == 50
        backend.close()


def _race(job: tuple[str, int]) -> int:
    place, number = job
    backend = open_backend(place)
    rows = [EntryRow(f"{name:02d}", f"c{number}", str(number)) for name in range(50)]
    won = sum(backend.put_entry(row, before=None) for row in rows)
    backend.close()
    return won
