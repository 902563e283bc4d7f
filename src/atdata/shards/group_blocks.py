"""Blocks of groups: consecutive samples in the members layout, checked in a few NumPy calls.

Most groups of a shard have the same extensions in the same order, and names that differ in
letters and digits only. The places of their members are found by going from one header to the
next; all headers are then compared with those of a group that the walk has checked. The first that
differs in another byte ends the block, and the walk goes on there. Nothing is accepted that the
walk would refuse.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atdata.errors import ShardError
from atdata.shards.alike import (
    BLOCK,
    LEAD,
    Rows,
    free_bytes,
    headers_right,
    leading,
    same,
    times_right,
)
from atdata.shards.member_group import MemberGroup
from atdata.shards.pax import Extended, read_pax
from atdata.shards.tar import parse_header

if TYPE_CHECKING:
    from atdata.shards.alike import Mask
    from atdata.shards.window import Window

# Groups that are tried first, and then: finding many places for nothing would be slow.
_SOME, _MOST = 16, 1024
_LEAST = 4  # the calls cost more than they save for fewer
_MOST_BYTES = 16 << 20
_MOST_MEMBERS = 64
_ZEROS = bytes(BLOCK)
# Of other characters, names that differ in letters only may not be alike to other readers.
_PLAIN = re.compile(r"[A-Za-z0-9_./-]+")


@dataclass(frozen=True, slots=True)
class GroupBlock:
    """Groups of one form, one after the other.

    Attributes:
        data: Bytes that hold them: ``bytes`` or a mapped file.
        shift: Offset of the first byte in the shard.
        form: A group of the same form.
        starts: Positions of the payloads in ``data``, for each group those of all members.
        sizes: Lengths of the payloads.
    """

    data: Any
    shift: int
    form: MemberGroup
    starts: array[int]
    sizes: array[int]

    @property
    def end(self) -> int:
        """Position after the last group."""
        return self.starts[-1] + self.sizes[-1] + -self.sizes[-1] % BLOCK

    def groups(self) -> Iterator[MemberGroup]:
        """Yield the groups."""
        data, form, shift = self.data, self.form, self.shift - BLOCK
        view = memoryview(data)
        width, length = len(form), len(form.key)
        starts, sizes = self.starts.tolist(), self.sizes.tolist()
        for row in range(0, len(starts), width):
            some = starts[row : row + width]
            name = some[0] - BLOCK
            payloads = [
                view[start : start + size]
                for start, size in zip(some, sizes[row : row + width], strict=True)
            ]
            yield form.alike(
                data[name : name + length].decode("ascii"),
                [start + shift for start in some],
                payloads,
            )


def find_groups(window: Window, before: MemberGroup, following: int) -> GroupBlock | None:
    """Return the block of groups after one that the walk has checked; None if there is none.

    The last group of it is left to the walk, as it may have more members.

    Args:
        window: Of the shard.
        before: The group before.
        following: Offset of the next member's header.
    """
    data, _, end, shift = window.state()
    heads = [offset - shift for offset in before.offsets]
    leads = _leads(before, following)
    if heads[0] < leads[0] or len(heads) > _MOST_MEMBERS or not _PLAIN.fullmatch(before.key):
        return None
    for at, lead in zip(heads, leads, strict=True):
        if not (_is_plain(data[at : at + BLOCK], before.key) and _is_time(data[at - lead : at])):
            return None
    return _found(data, end, shift, before, heads, leads)


def _leads(group: MemberGroup, following: int) -> list[int]:
    """Return the bytes of other headers before each member; the first has those of the next one."""
    starts = zip(group.offsets, group.values(), strict=True)
    ends = [at + BLOCK + len(data) + -len(data) % BLOCK for at, data in starts]
    return [following - ends[-1], *(b - a for a, b in zip(ends, group.offsets[1:], strict=False))]


def _is_plain(block: bytes, key: str) -> bool:
    """Return whether a header holds the whole name itself, and a size in octal digits."""
    return block.startswith(f"{key}.".encode()) and not block[345] and block[135] in b" \0"


def _is_time(lead: bytes) -> bool:
    """Return whether bytes before a header are none, or a pax header that changes nothing."""
    if len(lead) != LEAD:
        return not lead
    try:
        kind, _, size = parse_header(lead[:BLOCK])
        found = read_pax(lead[BLOCK : BLOCK + size])
    except ShardError:
        return False
    is_padded = size <= BLOCK and not lead[BLOCK + size :].strip(b"\0")
    return kind == b"x" and found == Extended() and is_padded


def _found(
    data: Any, end: int, shift: int, before: MemberGroup, heads: list[int], leads: list[int]
) -> GroupBlock | None:
    import numpy as np

    width = len(heads)
    position = before.end - shift
    base = position % BLOCK
    count = 0
    for most in (_SOME, _MOST):
        starts, sizes = _places(data, end, position, leads, most)
        if len(starts) < _LEAST * width:
            return None
        places = np.concatenate((np.array(heads) + BLOCK, np.frombuffer(starts, np.int64)))
        count = leading(_alike(data, end, base, places.reshape(-1, width), leads, before.key))
        if count < most:
            break
    count -= 1
    if count < 1:
        return None
    return GroupBlock(data, shift, before, starts[: count * width], sizes[: count * width])


def _places(
    data: Any, end: int, position: int, leads: list[int], most: int
) -> tuple[array[int], array[int]]:
    """Return positions and sizes of payloads of whole groups, as unchecked headers give them.

    Padding has been checked.
    """
    starts, sizes = array("q"), array("q")
    stop = min(end, position + _MOST_BYTES)
    whole = 0
    for _ in range(most):
        for lead in leads:
            start = position + lead + BLOCK
            try:
                size = int(data[start - 388 : start - 377], 8)
            except ValueError:
                return starts[:whole], sizes[:whole]
            pad, position = start + size, start + size + -size % BLOCK
            if size < 0 or position > stop or not _ZEROS.startswith(data[pad:position]):
                return starts[:whole], sizes[:whole]
            starts.append(start)
            sizes.append(size)
        whole = len(starts)
    return starts, sizes


def _alike(data: Any, end: int, base: int, places: Any, leads: list[int], key: str) -> Mask:
    """Mark groups whose headers are like those of the first, which is left out of the marks."""
    import numpy as np

    length = len(key)
    fine = np.ones(len(places), np.bool_)
    keys = None
    for column, lead in enumerate(leads):
        rows = np.ndarray(
            ((end - base - lead - BLOCK) // BLOCK + 1, (lead + BLOCK) // 8),
            np.uint64,
            data,
            base,
            (BLOCK, 8),
        )
        chosen = Rows(rows, (places[:, column] - lead - BLOCK - base) // BLOCK)
        fine &= same(chosen, free_bytes(length, lead, even=False))
        fine &= headers_right(chosen, lead, length, even=False)
        if lead:
            fine &= times_right(chosen)
        words = chosen.columns(lead // 8, lead // 8 + 13)
        found = np.ascontiguousarray(words).view(np.uint8)[:, :length]
        if keys is None:
            keys = found
        fine &= (found == keys).all(1)
    return fine[1:]
