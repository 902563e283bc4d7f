"""Another state of the lexicons: a folder, a lock file, or a revision in git."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Final

from lexgen.catalog import Project, load, load_files
from lexgen.document import Document
from lexgen.errors import RevisionError
from lexgen.runtime import cid, dag_cbor

_LOCK_VERSION: Final = 1


def load_revision(against: str, folder: Path, *, third_party: bool) -> Project:
    """Load the lexicons that ``against`` names: a folder, a lock file, or else a git revision."""
    path = Path(against)
    if path.is_dir():
        return load(path, third_party=third_party)
    files = _locked_files(path) if path.is_file() else _files_in_git(against, folder)
    return load_files(files, against, third_party=third_party)


def _files_in_git(revision: str, folder: Path) -> dict[str, bytes]:
    commit = _git(folder, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    name = commit.decode().strip()
    # ":./" makes paths relative to the folder that git runs in.
    listing = _git(folder, "ls-tree", "-r", "-z", "--name-only", name, "--", ".")
    paths = [path for path in listing.decode().split("\0") if path.endswith(".json")]
    return {path: _git(folder, "show", f"{name}:./{path}") for path in paths}


def _git(folder: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=False)  # noqa: S603, S607
    except FileNotFoundError as error:
        raise RevisionError("git is not installed, and there is no such file or folder") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise RevisionError(f"neither a file, a folder nor a git revision: {said}")
    return done.stdout


def _locked_files(path: Path) -> dict[str, bytes]:
    try:
        lexicons = json.loads(path.read_bytes())["lexicons"]
        return {
            f"{nsid.replace('.', '/')}.json": json.dumps(entry["document"]).encode()
            for nsid, entry in lexicons.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RevisionError(f"{path} is not a lock file of lexgen") from error


def lock_text(documents: tuple[Document, ...]) -> str:
    """The lock file: for each lexicon its digest, the CID of its record, and itself.

    The digest is of the file; the CID is that of the ``com.atproto.lexicon.schema`` record that
    publishes the lexicon (AT Protocol, Lexicon resolution).
    """
    lexicons: dict[str, Any] = {}
    for document in sorted(documents, key=lambda document: document.value["id"]):
        record = {**document.value, "$type": "com.atproto.lexicon.schema"}
        lexicons[document.value["id"]] = {
            "sha256": document.sha256,
            "cid": cid.of_cbor(dag_cbor.encode(record)),
            "document": document.value,
        }
    lock = {"version": _LOCK_VERSION, "lexicons": lexicons}
    return json.dumps(lock, indent=2, ensure_ascii=False) + "\n"
