"""The generator as functions: each returns what it found and prints nothing.

The command ``lexgen`` is built on these. All of them raise a ``LexgenError`` where they can't do
their work, and an ``OSError`` where files can't be read or written.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lexgen.catalog import Project, load
from lexgen.comparison import compare
from lexgen.document import Document, Finding
from lexgen.errors import PackageNameError
from lexgen.outputs import PARTS, drift, outputs, write
from lexgen.revisions import load_revision

PACKAGE: Final = "atdata_records"


@dataclass(frozen=True, slots=True)
class Findings:
    """What a check of lexicons found, in the order of files and lines.

    It is a sequence of ``Finding``; ``str()`` of it has one line for each, as compilers do it.
    """

    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that have to be mended."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that are not errors."""
        return tuple(finding for finding in self.findings if finding.severity != "error")

    @property
    def ok(self) -> bool:
        """Whether there are no errors."""
        return not self.errors

    def __len__(self) -> int:
        return len(self.findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __str__(self) -> str:
        return "".join(f"{finding}\n" for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Build:
    """What a build did.

    Attributes:
        lexicons: The NSIDs of the lexicons that it was made from.
        changed: The files that were written or removed; none if all was up to date.
        findings: The warnings about the lexicons.
    """

    lexicons: tuple[str, ...]
    changed: tuple[Path, ...]
    findings: Findings


@dataclass(frozen=True, slots=True)
class Drift:
    """How the files that exist differ from what would be built.

    Attributes:
        differences: A unified diff for each file, and a line for each that is missing or was not
            generated.
    """

    differences: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether there are no differences."""
        return not self.differences

    def __str__(self) -> str:
        return "".join(self.differences)


def build(
    lexicons: str | os.PathLike[str] = "lexicons",
    output: str | os.PathLike[str] = "generated",
    *,
    package: str = PACKAGE,
    parts: Sequence[str] = PARTS,
    third_party: bool = False,
) -> Build:
    """Write the generated package, JSON Schema, test vectors and reference pages.

    Args:
        lexicons: Folder of lexicons, one file for each NSID.
        output: Folder that everything is written to.
        package: Import name of the generated package; dots make it a subpackage.
        parts: What to generate: ``"python"``, ``"jsonschema"``, ``"vectors"``, ``"reference"``.
        third_party: The lexicons are not yours: unknown keywords, inline objects and references
            to lexicons that are not there are warnings.

    Raises:
        CatalogError: The lexicons have errors; nothing is written.
    """
    project = load(Path(lexicons), third_party=third_party)
    wanted = _outputs(project, package, parts)
    changed = write(wanted, Path(output), package, tuple(parts))
    nsids = tuple(lexicon.nsid for lexicon in project.sound_catalog().lexicons)
    return Build(nsids, tuple(changed), Findings(project.findings))


def check(
    lexicons: str | os.PathLike[str] = "lexicons",
    output: str | os.PathLike[str] = "generated",
    *,
    package: str = PACKAGE,
    parts: Sequence[str] = PARTS,
    third_party: bool = False,
) -> Drift:
    """Compare the files that exist with what ``build`` would write; takes the same arguments."""
    project = load(Path(lexicons), third_party=third_party)
    wanted = _outputs(project, package, parts)
    return Drift(tuple(drift(wanted, Path(output), package, tuple(parts))))


def lint(lexicons: str | os.PathLike[str] = "lexicons", *, third_party: bool = False) -> Findings:
    """Check lexicons against the rules of the Lexicon language."""
    return Findings(load(Path(lexicons), third_party=third_party).findings)


def breaking(
    lexicons: str | os.PathLike[str] = "lexicons",
    *,
    against: str | os.PathLike[str],
    third_party: bool = False,
) -> Findings:
    """Find changes that break readers or writers who have not updated, or data that exists.

    Args:
        lexicons: Folder of lexicons.
        against: The earlier state: a folder of lexicons, a lock file, or else a git revision.
        third_party: The lexicons are not yours; see ``build``.

    Raises:
        RevisionError: There is no such earlier state.
    """
    changes = diff(lexicons, against=against, third_party=third_party)
    return Findings(tuple(change for change in changes if change.severity != "note"))


def diff(
    lexicons: str | os.PathLike[str] = "lexicons",
    *,
    against: str | os.PathLike[str],
    third_party: bool = False,
) -> Findings:
    """List all changes, breaking or not; takes the same arguments as ``breaking``."""
    folder = Path(lexicons)
    new = load(folder, third_party=third_party)
    # An older state may break rules that were added since: only its meaning counts.
    old = load_revision(os.fspath(against), folder, third_party=True)
    changes = compare(old.sound_catalog(), new.sound_catalog())
    before, after = _by_nsid(old), _by_nsid(new)
    findings = [change.finding(after, before) for change in changes]
    return Findings(
        tuple(sorted(findings, key=lambda f: (f.file, f.line, f.column, f.rule, f.message)))
    )


def checked_package(name: str) -> str:
    """Return the name of a package; raise ``PackageNameError`` if it can't be imported."""
    if not all(part.isidentifier() for part in name.split(".")):
        raise PackageNameError(f"{name!r} is not a name that can be imported")
    return name


def _outputs(project: Project, package: str, parts: Sequence[str]) -> dict[str, str]:
    return outputs(project.sound_catalog(), checked_package(package), tuple(parts))


def _by_nsid(project: Project) -> dict[str, Document]:
    return {document.value["id"]: document for document in project.documents}
