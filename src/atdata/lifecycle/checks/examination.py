"""The checks of a whole dataset, given its parts in order from any place."""

from __future__ import annotations

import hashlib
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from atdata.errors import ManifestError, SchemaError
from atdata.lifecycle.checks.keys import KeySet
from atdata.lifecycle.checks.policy import Policy
from atdata.lifecycle.checks.roots import Place
from atdata.lifecycle.checks.shard import MAX_SAMPLE, Opener, ShardFacts, ShardTask, find_keys
from atdata.lifecycle.report import AFTER_MANIFEST, Finding, Findings, Report
from atdata.progress import NullProgress, Progress
from atdata.samples.canonical import canonical_text, parse_document
from atdata.samples.schema import schema_cid, type_from_document
from atdata.shards.info import ShardInfo, content_cid
from atdata.shards.manifest import Manifest, check_name, read_manifest

_GRAVE = ("bug", "integrity", "trust", "missing")
_OF_SCHEMA = frozenset({"samples", "fields"})


@dataclass(eq=False)
class Examination:
    """One examination of a dataset: manifest, then schema, then each shard, then the whole.

    Attributes:
        command: Name of the command, for the report.
        level: Which checks: see :data:`atdata.lifecycle.report.LEVELS`.
        place: What is examined.
        max_sample: Longest payload that is decoded, in bytes.
        name: The name that the dataset must have.
        version: The version that it must have.
        policy: Gates that a deep examination checks.
        progress: Receives progress updates.
        findings: What is wrong so far.
        subject: The report's ``subject``.
        document: The schema document, once it was checked.
        schema: Its bytes, as they were checked; a second reading may differ.
    """

    command: str
    level: str
    place: Place
    _: KW_ONLY
    max_sample: int = MAX_SAMPLE
    name: str | None = None
    version: str | None = None
    policy: Policy | None = None
    progress: Progress | None = None
    findings: Findings = field(default_factory=Findings, init=False)
    document: dict[str, Any] | None = field(default=None, init=False)
    schema: bytes | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        nothing = dict.fromkeys(("name", "version", "manifest_sha256", "content_cid"))
        self.subject = {"kind": self.place.kind, "path": self.place.location, **nothing}
        self._progress = self.progress or NullProgress()
        self._manifest: Manifest | None = None
        self._keys = KeySet()
        self._counts = {"shards": 0, "samples": 0, "bytes": 0}
        self._infos: list[ShardInfo] = []

    @property
    def manifest(self) -> Manifest:
        """The manifest, once it was read and is sound."""
        assert self._manifest is not None  # noqa: S101 - nothing goes on without it
        return self._manifest

    def add(self, code: str, message: str, **place: Any) -> None:
        """Record a finding."""
        self.findings.add(Finding(code, message, **place))

    def read_manifest(self, data: bytes | None) -> Manifest | None:
        """Check the manifest, and that its name and version are those that it must have."""
        if data is None:
            self.add("MANIFEST_MISSING", "there is no manifest to list what should be here")
            return None
        self.subject["manifest_sha256"] = hashlib.sha256(data).hexdigest()
        manifest, problems = read_manifest(data)
        self.findings.extend(map(Finding.of, problems))
        if manifest is None:
            return None
        self._manifest = manifest
        for key in ("name", "version", "content_cid"):
            self.subject[key] = getattr(manifest, key)
        for path, wanted in (("name", self.name), ("version", self.version)):
            actual = self.subject[path]
            if wanted not in (None, actual):
                message = f"another {path} than was asked for"
                self.add("SUBJECT_OTHER", message, path=path, expected=wanted, actual=actual)
        return manifest

    def check_new_name(self) -> None:
        """Check that the name is one for a new release or pack."""
        try:
            check_name(self.manifest.name, self.manifest.version, is_new=True)
        except ManifestError as error:
            self.findings.add(Finding.of(error))

    def read_schema(self, data: bytes | None) -> None:
        """Check the schema document against the manifest."""
        if data is None:
            self.add("SCHEMA_MISSING", "there is no schema document")
            return
        name, version = self.manifest.schema_name
        try:
            text = data.decode()
            document = parse_document(text)
            type_from_document(document, name=name)
            found = schema_cid(name, version, document)
        except (UnicodeDecodeError, SchemaError) as error:
            message = error.message if isinstance(error, SchemaError) else "not UTF-8"
            self.add("SCHEMA_INVALID", message)
            return
        if text != canonical_text(document):
            self.add("SCHEMA_NOT_CANONICAL", "the schema document is not in canonical JSON")
        if found != self.manifest.schema_cid:
            expected = self.manifest.schema_cid
            self.add("SCHEMA_CID", "another schema", expected=expected, actual=found)
            return
        self.document, self.schema = document, data

    def task(self, index: int, opener: Opener, offsets: Opener | None = None) -> ShardTask:
        """Return the task of checking one shard."""
        # Without a schema, samples can't be decoded; everything else is still checked.
        level = "verify" if self.level == "deep" and self.document is None else self.level
        return ShardTask(
            index=index,
            opener=opener,
            expected=self.manifest.shards[index],
            level=level,
            schema=(self.manifest.schema_name[0], (self.schema or b"").decode()),
            offsets=offsets,
            max_sample=self.max_sample,
        )

    def merge(self, facts: ShardFacts, task: ShardTask) -> None:
        """Add the facts of a shard; shards come in order."""
        self.findings.extend(facts.findings)
        self.findings.truncated |= facts.truncated
        self._counts["shards"] += 1
        self._counts["samples"] += facts.samples
        self._counts["bytes"] += facts.size
        if facts.cid is not None:
            self._infos.append(ShardInfo(facts.cid, facts.size, facts.samples))
        common = self._keys.merge(facts.keys)
        if common:
            self.findings.extend(find_keys(task, common))

    def finish(self) -> None:
        """Check what needs the whole dataset."""
        if self.level != "deep" or self._manifest is None:
            return
        found = content_cid(self.manifest.schema_cid, self._infos)
        if found != self.manifest.content_cid:
            expected = self.manifest.content_cid
            self.add("CONTENT_CID", "other content", expected=expected, actual=found)
        if self.policy is not None and self.document is not None:
            self.findings.extend(self.policy.findings(self.manifest, self.document))

    def report(self, **more: Any) -> Report:
        """Return the report; ``more`` are fields of it, in place of those that follow from this."""
        trust = "unverified" if self.level == "validate" or self.doubtful else "self-consistent"
        fields: dict[str, Any] = {
            "trust": trust,
            "counts": self._counts,
            "findings": tuple(self.findings.items),
            "findings_truncated": self.findings.truncated,
            "skipped_checks": self._skipped(),
            **more,
        }
        return Report(self.command, self.level, subject=self.subject, **fields)

    @property
    def doubtful(self) -> bool:
        """Whether the bytes may differ from those that the manifest describes."""
        grave = any(f.kind in _GRAVE for f in self.findings.items)
        return grave or self._manifest is None

    def _skipped(self) -> frozenset[str]:
        if self._manifest is None:
            return AFTER_MANIFEST
        skipped = frozenset() if self.policy else frozenset({"policy"})
        return skipped if self.document is not None else skipped | _OF_SCHEMA
