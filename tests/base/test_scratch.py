from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from atdata.base.scratch import scratch_folder, sweep, temporary_folder

HOLD = """
import sys
from pathlib import Path
from atdata.base.scratch import scratch_folder

with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "half").write_bytes(b"x")
    print("ready", flush=True)
    sys.stdin.read()
"""


def owner_of_a_folder(parent: Path) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(parent)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def end(process: subprocess.Popen[bytes], number: int) -> None:
    os.kill(process.pid, number)
    process.communicate()


def test_the_folder_and_its_lock_are_gone_after_the_block(empty: Path) -> None:
    with scratch_folder(empty) as folder:
        (folder / "file").write_bytes(b"x")
        assert folder.parent == empty
    assert list(empty.iterdir()) == []


def test_a_killed_owner_is_cleaned_up_after_by_the_next(empty: Path) -> None:
    end(owner_of_a_folder(empty), signal.SIGKILL)
    (left,) = (path for path in empty.iterdir() if path.is_dir())
    with scratch_folder(empty) as folder:
        assert not left.exists()
        assert folder.exists()
    assert list(empty.iterdir()) == []


def test_a_living_owner_keeps_its_folder_however_old_it_is(empty: Path) -> None:
    process = owner_of_a_folder(empty)
    try:
        for path in empty.iterdir():
            os.utime(path, (0, 0))
        assert sweep(empty) == []
        assert any(path.is_dir() for path in empty.iterdir())
    finally:
        end(process, signal.SIGTERM)


def test_other_files_are_left_alone(empty: Path) -> None:
    other = empty / "data.lock"
    other.write_bytes(b"")
    assert sweep(empty) == []
    assert other.exists()


def test_a_link_in_the_place_of_a_folder_or_lock_is_not_followed(
    empty: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "mine").write_bytes(b"x")
    (empty / ".scratch-0").symlink_to(outside)
    (empty / ".scratch-0.lock").write_bytes(b"")
    (empty / ".scratch-1.lock").symlink_to(outside)
    sweep(empty)
    assert (outside / "mine").read_bytes() == b"x"


def test_folders_in_the_systems_temporary_folder_are_the_users_own(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(empty))
    with temporary_folder() as folder:
        (own,) = empty.iterdir()
        assert folder.parent == own
        assert own.stat().st_mode & 0o777 == 0o700
    assert list(own.iterdir()) == []
    end(owner_of_a_folder(own), signal.SIGKILL)
    with temporary_folder():
        pass
    assert list(own.iterdir()) == []


@pytest.mark.parametrize("trap", ["link", "open", "file"])
def test_a_temporary_folder_that_another_user_may_have_made_is_refused(
    empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trap: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(empty))
    with temporary_folder():
        (own,) = empty.iterdir()
    own.rmdir()
    target = tmp_path / "theirs"
    target.mkdir(mode=0o700)
    match trap:
        case "link":
            own.symlink_to(target)
        case "open":
            own.mkdir()
            own.chmod(0o777)
        case "file":
            own.touch(mode=0o600)
    with pytest.raises(PermissionError, match="TMPDIR"), temporary_folder():
        pass
    assert list(target.iterdir()) == []


FORK = """
import os
from atdata.base.scratch import lasting_folder, sweep

folder = lasting_folder()
assert lasting_folder() == folder
(folder / "file").write_bytes(b"x")
if not (child := os.fork()):
    raise SystemExit  # the child ends as any process does
os.waitpid(child, 0)
assert sweep(folder.parent) == []  # its lock is held
assert (folder / "file").exists()
print(folder)
"""


def test_a_lasting_folder_ends_with_the_process_that_made_it(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", FORK], env=environment, capture_output=True, text=True, check=True
    )
    folder = Path(run.stdout.strip())
    assert tmp_path in folder.parents
    assert list(folder.parent.iterdir()) == []
