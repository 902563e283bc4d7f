"""The report of a lifecycle command: what it found and did, for people and programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from atdata.errors import AtdataError
from atdata.lifecycle.codes import CLASSES, CODES

REPORT_VERSION = 1
MAX_FINDINGS = 200
BUILD_ROOT = "build root"
SERVING_STORE = "serving store"

LEVELS = ("validate", "verify", "deep")
# Checks that a level adds to those of the levels below it.
_CHECKS = {
    "validate": (
        "manifest", "schema", "files", "sizes", "tar.structure", "tar.padding", "tar.end",
        "names", "keys", "counts", "index",
    ),
    "verify": ("digests",),
    "deep": ("samples", "fields", "content", "policy"),
}  # fmt: skip
EVERY_CHECK = tuple(check for checks in _CHECKS.values() for check in checks)
AFTER_MANIFEST = frozenset(EVERY_CHECK) - {"manifest"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        code: A key of :data:`atdata.lifecycle.codes.CODES`.
        message: What is wrong, in words.
        shard: Number of the shard.
        member: Name of the member in it.
        offset: Offset in the shard (of a pack's own members: in the pack), in bytes.
        path: Place inside a manifest or sample.
        expected: What should be there.
        actual: What is there.
    """

    code: str
    message: str
    shard: int | None = None
    member: str | None = None
    offset: int | None = None
    path: str | None = None
    expected: str | int | None = None
    actual: str | int | None = None

    @property
    def kind(self) -> str:
        """The class: a key of :data:`atdata.lifecycle.codes.CLASSES`."""
        return CODES[self.code].kind

    @classmethod
    def of(cls, error: AtdataError, *, shard: int | None = None, code: str = "") -> Finding:
        """Return the finding that an error of atdata stands for."""
        return cls(
            code=error.code if error.code in CODES else code,
            message=error.message,
            shard=shard,
            member=error.member,
            offset=error.offset,
            path=error.path,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as in a report's JSON."""
        values = {name: getattr(self, name) for name in self.__slots__}
        code, message = values.pop("code"), values.pop("message")
        return {"code": code, "class": self.kind, **values, "message": message}

    def __str__(self) -> str:
        places = (
            ("shard", self.shard),
            ("path", self.path),
            ("member", self.member),
            ("offset", self.offset),
        )
        where = ", ".join(f"{name} {value}" for name, value in places if value is not None)
        found = f" (expected {self.expected}, found {self.actual})" if self.expected else ""
        return f"{self.code}{f' at {where}' if where else ''}: {self.message}{found}"


@dataclass(frozen=True, slots=True)
class Report:
    """The findings and actions of one command.

    Attributes:
        command: Such as ``"dataset verify"``.
        level: ``"validate"``, ``"verify"`` or ``"deep"``: which checks ran.
        trust: ``"anchored"`` when evidence from outside confirms the samples,
            ``"self-consistent"`` when they only agree with each other, ``"unverified"`` when they
            don't, or were not all checked.
        subject: What was checked: kind, path, name, version, manifest_sha256, content_cid.
        counts: Numbers of shards, samples and bytes that were checked.
        findings: What is wrong, by shard and offset.
        findings_truncated: Whether there were more findings.
        outcome: What was done, such as ``"published"``; None when nothing was to be done.
        result: Details of what was done.
        extra_checks: Checks in addition to those of the level.
        skipped_checks: Checks of the level that did not run.
        anchors: The evidence for the bytes: ``kind``, ``source``, and which parts of the
            manifest it ``covers``; what no anchor covers may be forged.
    """

    command: str
    level: str
    trust: str
    subject: dict[str, Any]
    counts: dict[str, int] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    findings_truncated: bool = False
    outcome: str | None = None
    result: dict[str, Any] = field(default_factory=dict)
    extra_checks: tuple[str, ...] = ()
    skipped_checks: frozenset[str] = frozenset()
    anchors: tuple[dict[str, Any], ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    @property
    def kind(self) -> str | None:
        """The gravest class among the findings; None without findings."""
        return next((kind for kind in CLASSES if any(f.kind == kind for f in self.findings)), None)

    @property
    def checks(self) -> dict[str, str]:
        """Each check: ``"pass"``, ``"fail"`` or ``"skipped"``."""
        failed = {CODES[finding.code].check for finding in self.findings}
        levels = LEVELS[: LEVELS.index(self.level) + 1]
        ran = {check for level in levels for check in _CHECKS[level]} - self.skipped_checks
        status = {check: "pass" if check in ran else "skipped" for check in EVERY_CHECK}
        status |= dict.fromkeys(self.extra_checks, "pass")
        return status | dict.fromkeys(sorted(failed), "fail")

    def raise_for_findings(self) -> None:
        """Raise the error of the gravest finding; do nothing when there is none.

        Raises:
            ShardError, DigestMismatch, SampleError, EntryConflict, StorageError: By class; see
                :data:`atdata.lifecycle.codes.CLASSES`.
        """
        if self.kind is None:
            return
        first = next(finding for finding in self.findings if finding.kind == self.kind)
        more = len(self.findings) - 1
        text = f"{first}{f' and {more} more findings' if more else ''}"
        raise CLASSES[self.kind](text)

    def to_dict(self) -> dict[str, Any]:
        """Return the report in JSON shape."""
        return {
            "report_version": REPORT_VERSION,
            "command": self.command,
            "status": "pass" if self.ok else "fail",
            "level": self.level,
            "trust": self.trust,
            "anchors": list(self.anchors),
            "subject": self.subject,
            "checks": [{"id": check, "status": status} for check, status in self.checks.items()],
            "counts": self.counts,
            "findings": [finding.to_dict() for finding in self.findings],
            "findings_truncated": self.findings_truncated,
            "outcome": self.outcome,
            "result": self.result,
        }


def store_report(
    command: str,
    store: str,
    work: Callable[[], dict[str, Any]],
    outcome: str | None = None,
    *,
    check: str = "catalog",
    **subject: str | None,
) -> Report:
    """Run a command on a serving store that looks at no samples; return its report.

    Args:
        command: Its name.
        store: Where the store is.
        work: The command; it returns the report's ``result``, and what it raises with one of
            :data:`atdata.lifecycle.codes.CODES` is a finding.
        outcome: What was done when nothing was raised.
        check: The check that it makes.
        subject: What else the report is about.
    """
    report = Report(
        command,
        "validate",
        "unverified",
        {"kind": SERVING_STORE, "path": store, **subject},
        extra_checks=(check,),
        skipped_checks=frozenset(EVERY_CHECK),
    )
    try:
        return replace(report, result=work(), outcome=outcome)
    except AtdataError as error:
        return replace(report, findings=(finding_of(error),))


def finding_of(error: AtdataError) -> Finding:
    """Return the finding that an error stands for; raise it if its code is not of findings."""
    if error.code not in CODES:
        raise error
    return Finding.of(error)


class Findings:
    """A bounded list of findings."""

    def __init__(self, limit: int = MAX_FINDINGS) -> None:
        self.items: list[Finding] = []
        self.truncated = False
        self._limit = limit

    def add(self, finding: Finding) -> None:
        """Add a finding, if there is room."""
        if len(self.items) < self._limit:
            self.items.append(finding)
        else:
            self.truncated = True

    def extend(self, findings: Iterable[Finding]) -> None:
        """Add each finding."""
        for finding in findings:
            self.add(finding)
