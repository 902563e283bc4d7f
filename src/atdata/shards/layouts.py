"""The two layouts of shards, as they are written: one member a sample, or one a field."""

from __future__ import annotations

from array import array
from operator import attrgetter
from typing import Any, Literal, Protocol, get_args

from atdata.samples.members import member_codec
from atdata.shards.offsets import index_head, numbered_index, written_line
from atdata.shards.tar import END, member_size

Layout = Literal["packed", "members"]
"""``"packed"``: a sample is the member ``<key>.msgpack``; ``"members"``: each field is a member."""


class Writer(Protocol):
    """The writer of a shard, with what a layout needs of it."""

    size: int

    def write_numbered(self, number: int, payload: bytes) -> None:
        """Add a packed sample under its number."""
        ...

    def write_group(self, key: str, members: list[tuple[str, bytes]]) -> None:
        """Add a sample as members."""
        ...


class Packed:
    """Samples as msgpack bytes, one shard after another.

    Args:
        indexed: Keep what the index of a shard needs.
    """

    def __init__(self, *, indexed: bool) -> None:
        self._sizes = array("Q") if indexed else None

    encode = staticmethod(attrgetter("packed"))
    """Returns the bytes of a sample."""

    def room(self, packed: bytes) -> int:
        """Return the bytes that an encoded sample takes in a shard."""
        return member_size(len(packed))

    def write(self, writer: Writer, number: int, packed: bytes) -> None:
        """Add an encoded sample to a shard."""
        writer.write_numbered(number, packed)
        if self._sizes is not None:
            self._sizes.append(len(packed))

    def index(self, end: int) -> bytes | None:
        """End a shard, whose last sample is the one before ``end``; return its index."""
        sizes = self._sizes
        if sizes is None:
            return None
        self._sizes = array("Q")
        return numbered_index(end - len(sizes), sizes)


class Members:
    """Samples as a member for each field, as :class:`Packed` else."""

    def __init__(self, *, indexed: bool) -> None:
        self._lines: list[str] | None = [] if indexed else None

    def encode(self, sample: Any) -> list[tuple[str, bytes]]:
        """Return extension and payload of each member of a sample."""
        sample_type: type = type(sample)
        return member_codec(sample_type).encode(sample)

    def room(self, members: list[tuple[str, bytes]]) -> int:
        """Return the bytes that an encoded sample takes in a shard."""
        return sum(member_size(len(payload)) for _, payload in members)

    def write(self, writer: Writer, number: int, members: list[tuple[str, bytes]]) -> None:
        """Add an encoded sample to a shard."""
        key, offset = f"{number:09d}", writer.size - len(END)
        writer.write_group(key, members)
        if self._lines is not None:
            sizes = [(name, len(payload)) for name, payload in members]
            self._lines.append(written_line(key, offset, sizes))

    def index(self, end: int) -> bytes | None:
        """End a shard; return its index."""
        lines = self._lines
        if lines is None:
            return None
        self._lines = []
        return "".join([index_head(len(lines)), *lines]).encode()


def layout_named(layout: Layout) -> type[Packed | Members]:
    """Return the class of a layout.

    Raises:
        ValueError: Another word.
    """
    if layout not in get_args(Layout):
        raise ValueError(f"layout is 'packed' or 'members', not {layout!r}")
    return Packed if layout == "packed" else Members
