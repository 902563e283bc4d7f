"""Samples as members: one member of a shard a field, as ordinary WebDataset shards have them.

A field is the member of its name, or of the extension in ``Annotated[T, Member("txt")]``; what
the member contains is written in :mod:`atdata.samples.contents`. ``None`` is written as an absent
member, except in JSON, CBOR and msgpack, which have a null. A class is the same, and has the same
schema, in shards of this layout and in packed ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from atdata.errors import SampleError, SchemaError
from atdata.samples.casts import advice
from atdata.samples.codec import Codec, codec_of, kept_fields, located, with_kept_fields
from atdata.samples.contents import Content, content_for
from atdata.samples.dict_sample import DictSample, dict_fields, dict_sample
from atdata.samples.extensions import Member, is_pickle
from atdata.samples.fields import Field, check_members
from atdata.samples.kinds import Nullable
from atdata.samples.member_fields import MemberFields, kept_bytes, payloads

__all__ = ["Member", "MemberCodec", "member_codec"]

_SLOT = "__atdata_members__"

Payload = bytes | memoryview
Members = Mapping[str, Payload]
"""Payloads of one sample's members by extension, in lower case."""


class MemberCodec(NamedTuple):
    """From the members of a sample to the sample, and back.

    Attributes:
        extensions: Extensions of the members that are read, in lower case; None for all.
            Others are ignored.
        decode: From members to a sample. Raises :class:`SampleError` with the extension of the
            member as ``member``, and the path inside the sample as ``path``. Payloads are copied.
        encode: From a sample to extensions and payloads, in the order of the fields. Raises
            :class:`SampleError` likewise.
    """

    extensions: frozenset[str] | None
    decode: Callable[[Members], Any]
    encode: Callable[[Any], list[tuple[str, bytes]]]


def member_codec(sample_type: type) -> MemberCodec:
    """Return the codec of a sample type, or of ``DictSample``, for shards of members.

    Raises:
        SchemaError: The class is not a sample type, two fields have one member, or a member can't
            hold its field: the field is named.
    """
    codec: MemberCodec | None = sample_type.__dict__.get(_SLOT)
    if codec is None:
        codec = _made(sample_type)
        setattr(sample_type, _SLOT, codec)
    return codec


def _made(sample_type: type) -> MemberCodec:
    if issubclass(sample_type, DictSample):
        return MemberCodec(None, lambda members: _dict_sample(sample_type, members), _dict_members)
    codec = codec_of(sample_type)
    check_members(sample_type, codec.fields)
    made = _Members(codec)
    wanted = frozenset(field.member for field in codec.fields)
    decode = made.decode if codec.unknown == "drop" else made.decode_all
    return MemberCodec(wanted if codec.unknown == "drop" else None, decode, made.encode)


class _Members:
    """The fields of one class, as members."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._contents = [_content(codec, field) for field in codec.fields]
        self._wanted = frozenset(field.member for field in codec.fields)
        self._plan = [
            (field.member, content.read, _absent(field, content))
            for field, content in zip(codec.fields, self._contents, strict=True)
        ]

    def decode(self, members: Members) -> Any:
        values: list[Any] = []
        add = values.append
        try:
            for extension, read, absent in self._plan:
                payload = members.get(extension)
                add(absent() if payload is None else read(bytes(payload)))
        except Exception as error:
            raise self._failed(len(values), error) from None
        return self._codec.make(*values)

    def decode_all(self, members: Members) -> Any:
        """Decode a sample of a class that keeps or refuses unknown fields."""
        others = {name: members[name] for name in members if name not in self._wanted}
        if others and self._codec.unknown == "refuse":
            first = min(others)
            raise SampleError(
                f"{self._codec.name}: the sample has a member {first!r}, which is not of a field",
                hint='Declare a field for it, or remove unknown_fields="refuse".',
                member=first,
            )
        sample = self.decode(members)
        kept = {name: bytes(others[name]) for name in others if not is_pickle(name)}
        return with_kept_fields(sample, kept) if kept else sample

    def encode(self, sample: Any) -> list[tuple[str, bytes]]:
        members: list[tuple[str, bytes]] = []
        for index, (field, content) in enumerate(
            zip(self._codec.fields, self._contents, strict=True)
        ):
            value = getattr(sample, field.name)
            if value is None and not content.holds_none and isinstance(field.kind, Nullable):
                _check_absent(self._codec, field)
                continue
            try:
                members.append((field.member, content.write(value)))
            except Exception as error:
                failed = self._failed(index, error)
                failed.hint = failed.hint or advice(field.kind, value)
                raise failed from None
        members += [(name, kept_bytes(name, one)) for name, one in kept_fields(sample).items()]
        return _not_none(members, self._codec.name)

    def _failed(self, index: int, error: Exception) -> SampleError:
        field = self._codec.fields[index]
        failed = self._codec.named(located(field.name, error))
        failed.member = field.member
        return failed


def _content(codec: Codec, field: Field) -> Content:
    try:
        return content_for(field.kind, field.member)
    except SchemaError as error:
        message = f"{codec.name}.{field.name}: {error.message}"
        raise SchemaError(message, hint=error.hint, path=field.name) from None


def _absent(field: Field, content: Content) -> Callable[[], Any]:
    """Return the function that makes the value of a field whose member is absent."""
    if not field.required:
        return field.fallback
    if isinstance(field.kind, Nullable) and not content.holds_none:
        return lambda: None

    def missing() -> Any:
        raise SampleError(
            f"the sample has no member {field.member!r}",
            hint="Give the field a default if samples may lack it.",
        )

    return missing


def _check_absent(codec: Codec, field: Field) -> None:
    """Refuse None where an absent member is read as another value."""
    if not field.required and field.fallback() is not None:
        raise SampleError(
            f"{codec.name}.{field.name}: None is an absent member, which is read as the default",
            hint="Give the field the default None, or none.",
            member=field.member,
            path=field.name,
        )


def _not_none(members: list[tuple[str, bytes]], name: str) -> list[tuple[str, bytes]]:
    if not members:
        raise SampleError(
            f"{name}: a sample without members can't be written",
            hint='Write packed shards, with layout="packed".',
        )
    return members


def _dict_sample(sample_type: type[DictSample], members: Members) -> DictSample:
    return dict_sample(sample_type, MemberFields({name: bytes(members[name]) for name in members}))


def _dict_members(sample: DictSample) -> list[tuple[str, bytes]]:
    return _not_none(list(payloads(dict_fields(sample))), type(sample).__name__)
