"""The check of one shard in one pass: the unit of work that engines spread over processes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import IO, Any, cast

from atdata.errors import AtdataError, ShardError
from atdata.lifecycle.checks.keys import KeySet
from atdata.lifecycle.checks.payload import MembersCheck, PayloadCheck
from atdata.lifecycle.report import Finding, Findings
from atdata.samples.canonical import parse_document
from atdata.samples.from_schema import type_from_document
from atdata.shards.groups import MOST_MEMBERS
from atdata.shards.hashed import HashedStream
from atdata.shards.info import ShardInfo
from atdata.shards.member_group import MemberGroup
from atdata.shards.names import SAMPLE, is_pickle
from atdata.shards.offsets import group_line, index_head, index_line
from atdata.shards.tar import MAX_PAYLOAD, Member, Skipped, walk
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
            last = ""
            for key, extension, offset, _ in walk(Window(b"", "", stream), gather=_GATHER):
                last, before = key, last
                if key != before and (code := keys.collision(key.removeprefix("./"))):
                    message = "the key is in an earlier shard already"
                    found.append(Finding(code, message, task.index, f"{key}.{extension}", offset))
        except ShardError:
            pass  # the check of the shard has reported it already
    return found


class _Lost(Skipped):
    """A placeholder for the payload of a member that is damaged, which was reported."""


class _ShardCheck:
    """The state of the check of one shard."""

    def __init__(self, task: ShardTask, stream: Readable) -> None:
        self._task = task
        self._stream = HashedStream(stream)
        self._findings = Findings()
        self._keys = KeySet()
        self._samples = 0
        self._layout: str | None = None  # not known before the end of the first group
        self._group: list[Member] = []  # the members of the sample that is being read
        self._gathered = 0  # bytes of their payloads
        self._deep = task.level == "deep"
        self._offsets = hashlib.sha256(index_head(task.expected.samples).encode())
        self._type = _sample_type(task.schema)
        self._payload = PayloadCheck(self._type) if self._type and self._deep else None

    @cached_property
    def _members(self) -> MembersCheck | None:
        return MembersCheck(self._type) if self._type and self._deep else None

    def run(self) -> ShardFacts:
        self._walk()
        self._end_group()
        self._findings.items.sort(key=lambda finding: finding.offset or 0)
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
                    self._lost(error.member, error.resume)
                if error.resume is None:
                    return
                position = _go_to(window, error.resume)
            else:
                return

    @property
    def _gather(self) -> int:
        return self._task.max_sample if self._deep else _GATHER

    def _member(self, key: str, extension: str, offset: int, payload: memoryview) -> None:
        if self._group and self._group[0][0] != key:
            self._end_group()
        if self._layout == "packed":
            self._packed(key, extension, offset, payload)
        else:
            self._gather_member((key, extension, offset, payload))

    def _lost(self, member: str, offset: int) -> None:
        """Count a member whose payload can't be used."""
        folder, slash, name = member.rpartition("/")
        stem, _, extension = name.partition(".")
        self._member(folder + slash + stem, extension, offset, cast("memoryview", _Lost(0)))

    def _gather_member(self, member: Member) -> None:
        """Add a member to the group, its payload only if it will be decoded, within limits."""
        group = self._group
        if len(group) == MOST_MEMBERS:
            message = f"a sample of more than {MOST_MEMBERS:,} members"
            self._add("TAR_TOO_LARGE", message, member=f"{member[0]}.{member[1]}", offset=member[2])
        if len(group) > MOST_MEMBERS:
            return
        payload = member[3]
        if not isinstance(payload, Skipped):
            self._gathered += len(payload)
            if not self._deep or self._gathered > self._task.max_sample:
                payload = cast("memoryview", Skipped(len(payload)))
        group.append((*member[:3], payload))

    def _end_group(self) -> None:
        """Check the group that was read; the first one decides on the layout."""
        members, self._group, self._gathered = self._group, [], 0
        if not members:
            return
        if self._layout is None:
            is_packed = any(extension == SAMPLE for _, extension, *_ in members)
            self._layout = "packed" if is_packed else "members"
        if self._layout == "packed":
            for member in members:
                self._packed(*member)
        else:
            self._check_group(MemberGroup.of(members))

    def _check_group(self, group: MemberGroup) -> None:
        """Check a sample in the members layout."""
        names = set()
        self._samples += 1
        self._check_key(group.key, group.members[0][1], group.offset)
        for key, extension, offset, _ in group.members:
            name = extension.lower()
            if name in names:
                message = "a member of this name is there already"
                self._add("NAME_TWICE", message, member=f"{key}.{extension}", offset=offset)
            names.add(name)
            if is_pickle(extension) or name == SAMPLE:
                self._unexpected(f"{key}.{extension}", extension, offset)
        self._offsets.update(group_line(group).encode())
        if self._members is not None:
            self._check_members(self._members, group)

    def _check_members(self, check: MembersCheck, group: MemberGroup) -> None:
        payloads = group.values()
        if any(isinstance(payload, _Lost) for payload in payloads):
            return
        finding = self._too_large(group.size, any(isinstance(one, Skipped) for one in payloads))
        extension, offset = group.members[0][1], group.offset
        if finding is None:
            error = check(group)
            if error is None:
                return
            finding = Finding.of(error, shard=self._task.index)
            places = {name.lower(): at for _, name, at, _ in group.members}
            extension, offset = error.member or extension, places.get(error.member or "", offset)
        self._findings.add(replace(finding, member=f"{group.key}.{extension}", offset=offset))

    def _packed(self, key: str, extension: str, offset: int, payload: memoryview) -> None:
        # Runs for each sample: what only findings need is not made before there is one.
        if extension != SAMPLE:
            self._unexpected(f"{key}.{extension}", extension, offset)
            return
        self._samples += 1
        if isinstance(payload, _Lost):
            return
        self._check_key(key, SAMPLE, offset)
        self._offsets.update(index_line(key, offset, len(payload)).encode())
        if self._payload is not None and (finding := self._check(self._payload, payload)):
            self._findings.add(replace(finding, member=f"{key}.{SAMPLE}", offset=offset))

    def _check_key(self, key: str, extension: str, offset: int) -> None:
        if not _PORTABLE.fullmatch(key):
            message = "keys are of A-Z, a-z, 0-9, _, - and /"
            self._add("NAME_NOT_PORTABLE", message, member=f"{key}.{extension}", offset=offset)
        if code := self._keys.add(key.removeprefix("./")):
            message = "the key is in this shard already"
            self._add(code, message, member=f"{key}.{extension}", offset=offset)

    def _unexpected(self, member: str, extension: str, offset: int) -> None:
        code, message = "NAME_FIELD", f"each sample is one member <key>.{SAMPLE}"
        if is_pickle(extension):
            code, message = "NAME_PICKLE", "a pickle runs code when it is read"
        self._add(code, message, member=member, offset=offset)

    def _check(self, check: PayloadCheck, payload: memoryview) -> Finding | None:
        if finding := self._too_large(len(payload), isinstance(payload, Skipped)):
            return finding
        error = check(bytes(payload))
        return Finding.of(error, shard=self._task.index) if error else None

    def _too_large(self, size: int, is_skipped: bool) -> Finding | None:
        limit = self._task.max_sample
        if not is_skipped and size <= limit:
            return None
        message = f"the limit is {limit} bytes; --max-sample-size sets another"
        index = self._task.index
        return Finding("SAMPLE_TOO_LARGE", message, index, expected=limit, actual=size)

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


def _sample_type(schema: tuple[str, str]) -> type[Any] | None:
    """Return the type of the samples; None without a schema."""
    name, text = schema
    return type_from_document(parse_document(text), name=name) if text else None


def failed(task: ShardTask, finding: Finding) -> ShardFacts:
    """Return the facts of a shard that could not be checked."""
    return ShardFacts(index=task.index, findings=(finding,))
