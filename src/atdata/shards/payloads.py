"""From the payloads of a shard to samples of one type, in either layout."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from atdata.errors import SampleError
from atdata.samples.dict_sample import DictSample
from atdata.samples.earlier import with_arrays
from atdata.samples.members import MemberCodec, member_codec
from atdata.shards.member_group import MemberGroup
from atdata.shards.names import SAMPLE


class PayloadReader:
    """Makes samples of one type, from msgpack bytes or from the members of a group.

    Args:
        sample_type: The type.
    """

    def __init__(self, sample_type: Any) -> None:
        self._type = sample_type
        self._unpack = sample_type.from_bytes
        self._is_untyped = issubclass(sample_type, DictSample)

    @cached_property
    def _members(self) -> MemberCodec:
        return member_codec(self._type)

    def __call__(self, payload: Any, key: str = "") -> Any:
        """Return the sample in a payload.

        Args:
            payload: Its bytes or members.
            key: Its key, which decides how the arrays of some samples without a type are read.

        Raises:
            SampleError: It is not a sample of the type.
            SchemaError: The type can't be read from members.
        """
        if type(payload) is MemberGroup:
            return self._members.decode(payload)
        sample = self._unpack(payload)
        return with_arrays(sample, key) if self._is_untyped else sample

    def of_members(self, members: Mapping[str, Any]) -> Any:
        """Return the sample of these members: payloads by extension, in lower case.

        Raises:
            SampleError, SchemaError: As calling it.
        """
        return self._members.decode(members)

    def located(
        self, error: SampleError, shard: str, key: str | None, offset: int, payload: Any
    ) -> SampleError:
        """Return an error of reading a payload, with its place in the shard."""
        error.shard, error.offset = shard, offset
        if isinstance(payload, MemberGroup):
            error.member = f"{payload.key}.{error.member or '*'}"
        elif key is not None:
            error.member = f"{key}.{SAMPLE}"
        return error
