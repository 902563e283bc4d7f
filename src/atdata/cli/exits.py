"""The command line's exit codes, and the errors that they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atdata import errors

if TYPE_CHECKING:
    from atdata.lifecycle.report import Report

MEANINGS: dict[int, str] = {
    0: "done",
    2: "usage: a wrong argument, URL or name",
    3: "content: a schema, sample, record or entry that is invalid",
    4: "missing or unreachable",
    5: "integrity or trust: bad shards, wrong digests, no access",
    6: "conflict: the name belongs to other content",
    10: "a bug in atdata",
}

# The first class that matches counts, so subclasses come before their bases.
EXITS: tuple[tuple[type[BaseException], int], ...] = (
    (errors.SchemaConflict, 6),
    (errors.EntryConflict, 6),
    (errors.AddressRefused, 5),
    (errors.AuthError, 5),
    (errors.ShardError, 5),
    (errors.UrlError, 2),
    (errors.RandomAccessError, 2),
    (errors.SchemaError, 3),
    (errors.SampleError, 3),
    (errors.RecordError, 3),
    (errors.ManifestError, 3),
    (errors.EntryError, 3),
    (errors.SchemaNotFound, 4),
    (errors.EntryNotFound, 4),
    (errors.ShardNotFound, 4),
    (errors.StorageError, 4),
    (errors.NetworkError, 4),
    (errors.MissingExtra, 4),
    (errors.InstallConflict, 4),
)
BUG = 10


def exit_code(error: BaseException) -> int:
    """Return the exit code for an error that ended a command."""
    return exit_of(type(error))


def exit_of(kind: type[BaseException]) -> int:
    """Return the exit code for errors of a class."""
    return next((code for base, code in EXITS if issubclass(kind, base)), BUG)


def report_exit(report: Report) -> int:
    """Return the exit code of a lifecycle report: that of its most serious finding."""
    from atdata.lifecycle.codes import CLASSES

    return 0 if report.kind is None else exit_of(CLASSES[report.kind])
