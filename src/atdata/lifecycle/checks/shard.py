"""The check of one shard in one pass: the unit of work that engines spread over processes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import IO, Any

from atdata.errors import AtdataError, ShardError
from atdata.lifecycle.checks.keys import KeySet
from atdata.lifecycle.checks.payload import PayloadCheck
from atdata.lifecycle.report import Finding, Findings
from atdata.samples.canonical import parse_document
from atdata.samples.from_schema import type_from_document
from atdata.shards.hashed import HashedStream
from atdata.shards.info import ShardInfo
from atdata.shards.names import SAMPLE, is_pickle
from atdata.shards.offsets import index_head, index_line
from atdata.shards.tar import MAX_PAYLOAD, Skipped, walk
from atdata.shards.window import CHUNK, Readable, Window

# Larger payloads are hashed while they are read and never held, unless samples are decoded.
_GATHER = 1 << 16
MAX_SAMPLE = MAX_PAYLOAD

# Names that all file systems and readers treat alike.
_PORTABLE = re.compile(r"(?:\./)?[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*")
COMPRESSED = re.compile(rb"\x1f\x8b|\x28\xb5\x2f\xfd|BZh.(?:1AY&SY|\x17rE8P)|\xfd7zXZ")
"""The first bytes of gzip, zstd, bzip2 and xz files."""


Opener = Callable[[], IO[bytes]]
"""Opens a stream, from its start; the caller closes it. It can be pickled."""


@dataclass(frozen=True, slots=True)
class ShardTask:
    """A shard to check.

    Attributes:
        index: Its number.
        opener: Opens its bytes.
        expected: Its shard info in the manifest.
        level: Which checks: see :data:`atdata.lifecycle.report.LEVELS`.
        schema: Name of the sample type, and its schema document as text.
        offsets: Opens its offset index, if there is one.
        max_sample: Longest payload that is decoded, in bytes.
    """

    index: int
    opener: Opener
    expected: ShardInfo
    level: str
    schema: tuple[str, str]
    offsets: Opener | None = None
    max_sample: int = MAX_SAMPLE


@dataclass(frozen=True, slots=True)
class ShardFacts:
    """The result of checking a shard.

    Attributes:
        index: Its number.
        size: Bytes that were found.
        samples: Samples that were found.
        cid: CID of the bytes; None when they were not all read.
        keys: Keys of the samples.
        findings: What is wrong.
        truncated: Whether there were more findings.
    """

    index: int
    size: int = 0
    samples: int = 0
    cid: str | None = None
    keys: KeySet = field(default_factory=KeySet)
    findings: tuple[Finding, ...] = ()
    truncated: bool = False


def check_shard(task: ShardTask) -> ShardFacts:
    """Check a shard; everything that is wrong is in the facts, and nothing is raised."""
    try:
        with task.opener() as stream:
            return check_stream(task, stream)
    except AtdataError as error:
        return failed(task, Finding.of(error, shard=task.index, code="UNREADABLE"))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return failed(task, Finding("UNREADABLE", f"can't be read: {reason}", task.index))
    except Exception as error:  # a bug in atdata must not pass for a sound shard
        reason = f"{type(error).__name__}: {error}"
        return failed(task, Finding("INTERNAL", reason, task.index))


def check_stream(task: ShardTask, stream: Readable) -> ShardFacts:
    """Check a shard as :func:`check_shard` does, from an open stream, which is read to its end."""
    return _ShardCheck(task, stream).run()


def find_keys(task: ShardTask, keys: KeySet) -> list[Finding]:
    """Locate keys in a shard that an earlier shard has too."""
    found = []
    with task.opener() as stream:
        try:
            for key, extension, offset, _ in walk(Window(b"", "", stream), gather=_GATHER):
                if code := keys.collision(key.removeprefix("./")):
                    message = "the key is in an earlier shard already"
                    found.append(Finding(code, message, task.index, f"{key}.{extension}", offset))
        except ShardError:
            pass  # the check of the shard has reported it already
    return found


class _ShardCheck:
    """The state of the check of one shard."""

    def __init__(self, task: ShardTask, stream: Readable) -> None:
        self._task = task
        self._stream = HashedStream(stream)
        self._findings = Findings()
        self._keys = KeySet()
        self._samples = 0
        self._deep = task.level == "deep"
        self._offsets = hashlib.sha256(index_head(task.expected.samples).encode())
        self._payload = _payload_check(task.schema) if self._deep else None

    def run(self) -> ShardFacts:
        self._walk()
        self._stream.drain()
        self._compare()
        return ShardFacts(
            index=self._task.index,
            size=self._stream.size,
            samples=self._samples,
            cid=self._cid(),
            keys=self._keys,
            findings=tuple(self._findings.items),
            truncated=self._findings.truncated,
        )

    def _walk(self) -> None:
        window = Window(b"", str(self._task.index), self._stream)
        window.refill(0, 16)
        head, *_ = window.state()
        if COMPRESSED.match(head):
            self._add("TAR_COMPRESSED", "a compressed archive; shards are plain tar", offset=0)
            return
        position = 0
        while True:
            try:
                for member in walk(window, position, gather=self._gather):
                    self._member(*member)
            except ShardError as error:
                self._findings.add(Finding.of(error, shard=self._task.index))
                if error.member and error.resume is not None:
                    self._samples += 1
                if error.resume is None:
                    return
                position = _go_to(window, error.resume)
            else:
                return

    @property
    def _gather(self) -> int:
        return self._task.max_sample if self._deep else _GATHER

    def _member(self, key: str, extension: str, offset: int, payload: memoryview) -> None:
        # Runs for each sample: what only findings need is not made before there is one.
        if extension != SAMPLE:
            self._unexpected(f"{key}.{extension}", extension, offset)
            return
        self._samples += 1
        if not _PORTABLE.fullmatch(key):
            message = "keys are of A-Z, a-z, 0-9, _, - and /"
            self._add("NAME_NOT_PORTABLE", message, member=f"{key}.{SAMPLE}", offset=offset)
        if code := self._keys.add(key.removeprefix("./")):
            message = "the key is in this shard already"
            self._add(code, message, member=f"{key}.{SAMPLE}", offset=offset)
        self._offsets.update(index_line(key, offset, len(payload)).encode())
        if self._payload is not None and (finding := self._check(self._payload, payload)):
            self._findings.add(replace(finding, member=f"{key}.{SAMPLE}", offset=offset))

    def _unexpected(self, member: str, extension: str, offset: int) -> None:
        code, message = "NAME_FIELD", f"each sample is one member <key>.{SAMPLE}"
        if is_pickle(extension):
            code, message = "NAME_PICKLE", "a pickle runs code when it is read"
        self._add(code, message, member=member, offset=offset)

    def _check(self, check: PayloadCheck, payload: memoryview) -> Finding | None:
        limit, size, index = self._task.max_sample, len(payload), self._task.index
        if isinstance(payload, Skipped) or size > limit:
            message = f"the limit is {limit} bytes; --max-sample-size sets another"
            return Finding("SAMPLE_TOO_LARGE", message, index, expected=limit, actual=size)
        error = check(bytes(payload))
        return Finding.of(error, shard=index) if error else None

    def _compare(self) -> None:
        task, expected, found = self._task, self._task.expected, self._cid()
        compared: tuple[tuple[str, str, Any, Any], ...] = (
            ("SHARD_SIZE", "another length", expected.size, self._stream.size),
            ("SAMPLE_COUNT", "another number of samples", expected.samples, self._samples),
            ("SHARD_DIGEST", "other bytes", expected.cid, found or expected.cid),
        )
        for code, message, wanted, actual in compared:
            if actual != wanted:
                self._add(code, message, expected=wanted, actual=actual)
        if task.offsets is not None and not self._findings.items:
            self._compare_offsets(task.offsets)

    def _cid(self) -> str | None:
        return None if self._task.level == "validate" else self._stream.cid()

    def _compare_offsets(self, opener: Opener) -> None:
        sha256 = hashlib.sha256()
        with opener() as stream:
            while data := stream.read(CHUNK):
                sha256.update(data)
        if sha256.digest() != self._offsets.digest():
            self._add("INDEX_STALE", "the offset index is not this shard's; write it again")

    def _add(self, code: str, message: str, **place: Any) -> None:
        self._findings.add(Finding(code, message, self._task.index, **place))


def _go_to(window: Window, offset: int) -> int:
    """Skip forward to an offset; return its position."""
    *_, start = window.state()
    return window.skip(0, offset - start)


def _payload_check(schema: tuple[str, str]) -> PayloadCheck:
    name, text = schema
    return PayloadCheck(type_from_document(parse_document(text), name=name))


def failed(task: ShardTask, finding: Finding) -> ShardFacts:
    """Return the facts of a shard that could not be checked."""
    return ShardFacts(index=task.index, findings=(finding,))
