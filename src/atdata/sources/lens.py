"""The shards of a source as if they had been written with samples of another type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any

from atdata.base.streams import from_pieces
from atdata.errors import SampleError
from atdata.samples.dict_sample import DictSample
from atdata.samples.lens import Lens, LensNetwork
from atdata.shards.payloads import PayloadReader
from atdata.shards.reader import PackedSample, read_stream
from atdata.shards.tar import BLOCK, END, PADS, build_header
from atdata.sources.adapt import AdaptedSource
from atdata.sources.base import Source
from atdata.storage.urls import redacted


class LensSource(Source):
    """Shards whose samples went through a lens, made while they are read.

    Code that reads, copies or publishes these shards gets samples of the lens's view type, and
    never the source's bytes. Nothing is stored.

    Args:
        source: Where the shards are.
        lens: From the type of their samples to another.

    Attributes:
        source: As given.
        lens: As given.
    """

    def __init__(self, source: Any, lens: Lens[Any, Any]) -> None:
        self.source = source
        self.lens = lens
        self._adapted = AdaptedSource(source)

    def list_shards(self) -> list[str]:
        """Return the names of the shards, as the source calls them."""
        return self._adapted.list_shards()

    def open_shard(self, shard_id: str) -> IO[bytes]:
        """Open a stream of one shard, with the same keys; the caller closes it.

        Raises:
            ShardNotFound: The source has no such shard.
            ShardError, SampleError: From reading it: it is not sound, or the getter refuses.
        """
        shown = redacted(shard_id)
        file = self._adapted.open_file(shard_id) or self._adapted.open_shard(shard_id)
        reader = PayloadReader(self.lens.source_type)
        packed = read_stream(file, shown)
        return from_pieces(self._members(packed, reader), packed.close)  # type: ignore[attr-defined]

    @property
    def is_remote(self) -> bool:
        """Whether shards come from a network."""
        return self._adapted.is_remote

    def known_samples(self, shard_id: str) -> int | None:
        """Return the number of samples in a shard, which a lens does not change; None if unknown.

        Raises:
            ShardError: The reported number does not fit the shard.
        """
        return self._adapted.known_samples(shard_id)

    def _members(self, packed: Iterator[PackedSample], reader: PayloadReader) -> Iterator[bytes]:
        for shard, key, offset, payload in packed:
            try:
                seen = self.lens.get(reader(payload, key)).packed
            except SampleError as error:
                raise reader.located(error, shard, key, offset, payload) from None
            yield b"".join((build_header(key, len(seen)), seen, PADS[-len(seen) % BLOCK]))
        yield END

    def __repr__(self) -> str:
        return f"LensSource({self.source!r}, {self.lens!r})"


def seen_as(source: Any, sample_type: type[Any], target: type[Any]) -> Any:
    """Return a source of the same shards with samples of another type.

    Any class can read samples without a type by the names of their fields, so for
    ``DictSample`` the source itself is returned, unless a lens is registered.

    Raises:
        SchemaError: No lens leads there, or several ways are equally short.
    """
    network = LensNetwork()
    if sample_type is DictSample and not network.is_registered(DictSample, target):
        return source
    return LensSource(source, network.transform(sample_type, target))
