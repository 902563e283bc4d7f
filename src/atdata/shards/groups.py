"""Samples in WebDataset's own layout: a group of consecutive members, one for each field.

``000.jpg``, ``000.json`` and ``000.cls`` are the fields ``jpg``, ``json`` and ``cls`` of the sample
``000``. Members are told apart without regard to case, as webdataset does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from atdata.errors import ShardError
from atdata.shards.group_blocks import find_groups
from atdata.shards.member_group import MemberGroup
from atdata.shards.names import SAMPLE
from atdata.shards.tar import MAX_PAYLOAD, Member, member_size, walk
from atdata.shards.window import Window

_LONGEST_WAIT = 64
MOST_MEMBERS = 1 << 16
"""The most members that a sample may have; with :data:`MAX_PAYLOAD` it bounds what is held."""


def read_group(window: Window, start: int, end: int) -> MemberGroup:
    """Return the group at a place of a window: between the ends of two groups.

    Raises:
        ShardError: The bytes are not those of a sound shard any more.
    """
    found: list[Member] = []
    for member in walk(window, start):
        found.append(member)
        if member[2] + member_size(len(member[3])) >= end:
            break
    return MemberGroup.of(found)


def first_group(members: Iterator[Member]) -> tuple[bool, Iterator[Member]]:
    """Return whether a shard's first group holds a packed sample, and all members again.

    A shard without members counts as packed.
    """
    seen: list[Member] = []
    for member in members:
        seen.append(member)
        first = seen[0]
        if member[0] != first[0] or len(seen) > MOST_MEMBERS or member[2] > MAX_PAYLOAD:
            break
        if member[1] == SAMPLE:
            return True, chain(seen, members)
    return not seen, chain(seen, members)


def groups(members: Iterable[Member], window: Window) -> Iterator[MemberGroup]:
    """Yield the samples of a shard, given its members.

    Args:
        members: From the walk over the window.
        window: Of the shard; its name is in errors.

    Raises:
        ShardError: A packed sample is among them, a member is there twice, the members of a
            sample are spread apart, or are more than a reader should hold.
    """
    shard = window.shard
    limit = min(MAX_PAYLOAD, window.most_gathered)
    keys: set[int] = set()  # hashes of those that were seen
    found: list[Member] = []
    last = ""
    wait, left = 1, 1  # groups to read one by one before blocks are tried again
    rest = iter(members)
    while (member := next(rest, None)) is not None:
        key, _, offset, _ = member
        if key == last:
            found.append(member)
            if len(found) > MOST_MEMBERS:
                raise _too_large(f"more than {MOST_MEMBERS:,} members", member, shard)
            span = offset - found[0][2]
            if span > limit and span > (limit := min(MAX_PAYLOAD, window.most_gathered)):
                raise _too_large(f"members of more than {limit:,} bytes", member, shard)
            continue
        if found:
            group = _group(found, shard)
            yield group
            left -= 1
            block = None if left else find_groups(window, group, offset)
            if not left:
                left = wait = 1 if block else min(2 * wait, _LONGEST_WAIT)
            if block is not None:
                for group in block.groups():
                    if not _is_new(group.key, keys):
                        raise _spread_apart(group.members[0], shard)
                    yield group
                rest, found, last = walk(window, block.end), [], group.key
                continue
        last, found = key, [member]
        if not _is_new(key, keys):
            raise _spread_apart(member, shard)
    if found:
        yield _group(found, shard)


def check_members(key: str, sizes: Sequence[tuple[str, int]]) -> None:
    """Refuse members to be written that reading would refuse.

    Args:
        key: Key of the sample.
        sizes: Extension and length of the payload of each.

    Raises:
        ShardError: There are none, two of one name, or more than a reader holds.
    """
    names = [extension.lower() for extension, _ in sizes]
    if not names:
        raise ShardError("a sample without members", member=key)
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ShardError(f"the field {twice} is there twice", member=f"{key}.{twice}")
    if len(names) > MOST_MEMBERS or sum(member_size(size) for _, size in sizes) > MAX_PAYLOAD:
        raise ShardError(
            f"a sample of more than {MOST_MEMBERS:,} members, or {MAX_PAYLOAD:,} bytes", member=key
        )


def _is_new(key: str, keys: set[int]) -> bool:
    """Add a key to those that were seen; return whether it was not there."""
    count = len(keys)
    keys.add(hash(key))
    return len(keys) > count


def _group(members: list[Member], shard: str) -> MemberGroup:
    group = MemberGroup.of(members)
    if len(group) != len(members):
        raise _twice(members, shard)
    if SAMPLE in group:
        raise _mixed(group, shard)
    return group


def _mixed(group: MemberGroup, shard: str) -> ShardError:
    return _unsound(
        f"the group {group.key!r} holds a {SAMPLE}, unlike the first group",
        next(one for one in group.members if one[1].lower() == SAMPLE),
        shard,
        "Write samples of one layout into a shard.",
    )


def _twice(members: list[Member], shard: str) -> ShardError:
    seen: set[str] = set()
    for member in members:
        name = member[1].lower()
        if name in seen:
            break
        seen.add(name)
    return _unsound(f"the field {name} is there twice", member, shard)


def _spread_apart(member: Member, shard: str) -> ShardError:
    return _unsound(
        "the members of this sample are spread apart, or its key is there twice",
        member,
        shard,
        "Write the members of each sample one after the other, as `tar --sort=name` does.",
    )


def _too_large(what: str, member: Member, shard: str) -> ShardError:
    error = _unsound(f"a sample has {what}, which is too many to hold", member, shard)
    error.code = "TAR_TOO_LARGE"
    return error


def _unsound(message: str, member: Member, shard: str, hint: str | None = None) -> ShardError:
    key, extension, offset, _ = member
    return ShardError(message, hint=hint, shard=shard, member=f"{key}.{extension}", offset=offset)
