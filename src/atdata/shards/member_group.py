"""A sample in WebDataset's own layout: consecutive members, one for each field."""

from __future__ import annotations

from collections.abc import Sequence

from atdata.shards.tar import Member, member_size


class MemberGroup(dict[str, memoryview]):
    """The members of one sample: payloads by extension, in lower case, in the shard's order.

    Args:
        key: Key of the sample.
        extensions: Of the members, as they are written.
        offsets: Offset of each member's header in the shard.
        payloads: Of the members.
    """

    __slots__ = ("_names", "extensions", "key", "offsets")

    def __init__(
        self,
        key: str,
        extensions: Sequence[str],
        offsets: Sequence[int],
        payloads: Sequence[memoryview],
    ) -> None:
        self.key = key
        self.extensions = extensions
        self.offsets = offsets
        self._names = [extension.lower() for extension in extensions]
        super().__init__(zip(self._names, payloads, strict=True))

    @classmethod
    def of(cls, members: Sequence[Member]) -> MemberGroup:
        """Return the group of members of one key, as the walk over the shard yielded them."""
        _, extensions, offsets, payloads = zip(*members, strict=True)
        return cls(members[0][0], extensions, offsets, payloads)

    def alike(
        self, key: str, offsets: Sequence[int], payloads: Sequence[memoryview]
    ) -> MemberGroup:
        """Return another group, with members of the same extensions."""
        group = MemberGroup.__new__(MemberGroup)
        group.key, group.offsets = key, offsets
        group.extensions, group._names = self.extensions, self._names
        group.update(zip(self._names, payloads, strict=True))
        return group

    @property
    def members(self) -> list[Member]:
        """Key, extension, offset and payload of each member; the last one's of a name twice."""
        payloads = map(self.__getitem__, self._names)
        rows = zip(self.extensions, self.offsets, payloads, strict=True)
        return [(self.key, *row) for row in rows]

    @property
    def offset(self) -> int:
        """Offset of the first member's header in the shard."""
        return self.offsets[0]

    @property
    def end(self) -> int:
        """Offset after the last member, padding included."""
        return self.offsets[-1] + member_size(len(self[self._names[-1]]))

    @property
    def size(self) -> int:
        """Length of all payloads together, in bytes."""
        return sum(map(len, self.values()))

    def copied(self) -> MemberGroup:
        """Return the same group, with payloads that keep no file open."""
        payloads = [memoryview(bytes(payload)) for payload in self.values()]
        return self.alike(self.key, self.offsets, payloads)
