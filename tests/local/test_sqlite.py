"""What is special about the SQLite backend."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from atdata.errors import StorageError
from atdata.local.backend import EntryRow
from atdata.local.sqlite import SqliteBackend


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index.db"


def start_at_once(path: Path, name: str, barrier: Any) -> None:
    backend = SqliteBackend(path)
    barrier.wait(60)
    backend.put_entry(EntryRow(name, "c", "text"), before=None)
    backend.close()


def test_processes_that_find_no_file_make_one_together(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(4)
    path = tmp_path / "new" / "index.db"
    processes = [
        context.Process(target=start_at_once, args=(path, str(number), barrier))
        for number in range(4)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    backend = SqliteBackend(path)
    assert len(backend.entries("", 10)) == 4
    backend.close()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_no_connection_lives_through_a_fork(path: Path) -> None:
    backend = SqliteBackend(path)
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.wait(0.002):
            backend.put_entry(EntryRow(f"thread-{number}", "c", "text"), before=None)
            number += 1

    thread = threading.Thread(target=write)
    thread.start()
    for number in range(10):
        child = os.fork()
        if child == 0:
            # A connection that came along would show as an open file of the parent's.
            files = {os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")}
            wrote = backend.put_entry(EntryRow(f"child-{number}", "c", "text"), before=None)
            backend.close()
            os._exit(0 if wrote and str(path) not in files else 1)
        assert os.waitpid(child, 0)[1] == 0
    stop.set()
    thread.join()
    assert backend.entry("child-9") is not None
    backend.close()


def test_damaged_text_is_returned_for_its_reader_to_report(path: Path) -> None:
    backend = SqliteBackend(path)
    assert backend.put_entry(EntryRow("n", "c", "text"), before=None)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE entries SET body = CAST(X'ff7b' AS TEXT)")
    connection.commit()
    connection.close()
    assert backend.entry("n") == EntryRow("n", "c", "\udcff{")
    backend.close()


def test_a_file_that_another_process_holds(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SqliteBackend(path).put_entry(EntryRow("n", "c", "text"), before=None)
    monkeypatch.setattr("atdata.local.sqlite._PATIENCE", 0.05)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    backend = SqliteBackend(path)
    with pytest.raises(StorageError, match="locked") as caught:
        backend.put_entry(EntryRow("m", "c", "text"), before=None)
    assert "Another process" in str(caught.value.hint)
    assert backend.entry("n") is not None
    holder.close()
    assert backend.put_entry(EntryRow("m", "c", "text"), before=None)
    backend.close()


def test_its_repr_names_the_file(path: Path) -> None:
    assert repr(SqliteBackend(path)) == f"SqliteBackend({str(path)!r})"
