"""Imports that are killed, and go on."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from atdata.engines.local import LocalEngine
from atdata.errors import EntryConflict
from atdata.importing import tasks
from atdata.importing.run import import_dataset
from processes import descendants, wait_until_ended

PROGRAM = """
import sys, atdata
from atdata.engines.local import LocalEngine
atdata.import_dataset(sys.argv[1], sys.argv[2], maxcount=100, engine=LocalEngine(2))
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    rows = (f"{number},name {number}" for number in range(30_000))
    path.write_text("\n".join(["number,name", *rows]))
    return path


@pytest.fixture
def expected(source: Path, tmp_path: Path) -> dict[str, bytes]:
    import_dataset(source, tmp_path / "whole", name="out", maxcount=100, engine=LocalEngine(1))
    return contents(tmp_path / "whole")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}


def kill_in_the_middle(source: Path, output: Path) -> Path:
    """Import in a process that is killed when some tasks are finished; the folder of the work."""
    work = output.with_name(".atdata-import-out")
    program = subprocess.Popen([sys.executable, "-c", PROGRAM, source, output])
    limit = time.monotonic() + 120
    while len(list(work.glob("*/*/shards.json"))) < 3:
        assert program.poll() is None
        assert time.monotonic() < limit
        time.sleep(0.002)
    family = descendants(program.pid)
    program.kill()
    program.wait()
    assert wait_until_ended(family) == set()
    assert not output.exists()
    return work


def test_a_killed_import_goes_on_with_what_is_finished(
    source: Path, expected: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = kill_in_the_middle(source, tmp_path / "out")
    finished = sorted(work.glob("*/*/shards.json"))
    assert 3 <= len(finished) < 30
    shard = finished[1].parent / "000003.tar"  # its task is done again
    data = bytearray(shard.read_bytes())
    data[700] ^= 1
    shard.write_bytes(data)
    written = []
    write = tasks._write
    monkeypatch.setattr(tasks, "_write", lambda task: (written.append(task.folder), write(task))[1])
    import_dataset(source, tmp_path / "out", maxcount=100, engine=LocalEngine(1))
    assert len(written) == 30 - len(finished) + 1
    assert contents(tmp_path / "out") == expected
    assert not work.exists()
    assert not list(tmp_path.glob(".atdata-import-*"))


def test_an_import_that_is_stopped_while_shards_are_moved_goes_on(
    source: Path, expected: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("atdata.importing.run.finish_root", stop)
        with pytest.raises(KeyboardInterrupt):
            import_dataset(source, tmp_path / "out", maxcount=100, engine=LocalEngine(1))
    assert list(tmp_path.glob(".atdata-import-out/new/*.tar"))
    assert not (tmp_path / "out").exists()
    import_dataset(source, tmp_path / "out", maxcount=100, engine=LocalEngine(1))
    assert contents(tmp_path / "out") == expected
    assert not list(tmp_path.glob(".atdata-import-*"))


def test_a_source_that_has_changed_is_imported_from_the_start(source: Path, tmp_path: Path) -> None:
    kill_in_the_middle(source, tmp_path / "out")
    source.write_text("number,name\n1,other\n")
    found = import_dataset(source, tmp_path / "out", maxcount=100, engine=LocalEngine(1))
    assert [sample.name for sample in found.splits[""].ordered()] == ["other"]
    assert not list(tmp_path.glob(".atdata-import-*"))


def test_two_imports_to_one_folder_do_not_mix(source: Path, tmp_path: Path) -> None:
    class Another:
        """Progress that imports to the same folder meanwhile."""

        def begin(self, size: int | None, shards: int | None) -> None:
            with pytest.raises(EntryConflict, match="another import"):
                import_dataset(source, tmp_path / "out", engine=LocalEngine(1))

        def advance(self, size: int, shards: int) -> None:
            pass

    import_dataset(source, tmp_path / "out", engine=LocalEngine(1), progress=Another())
    assert (tmp_path / "out" / "dataset.json").is_file()
