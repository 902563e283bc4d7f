from __future__ import annotations

import hashlib
import io

from hypothesis import given
from hypothesis import strategies as st

from atdata.shards.hashed import HashedStream
from atdata_records import cid


@given(st.binary(max_size=5000), st.lists(st.integers(0, 1000), max_size=5))
def test_what_was_read_is_hashed_and_counted(data: bytes, sizes: list[int]) -> None:
    stream = HashedStream(io.BytesIO(data))
    read = b"".join(stream.read(size) for size in sizes)
    assert read == data[: len(read)]
    assert stream.size == len(read)
    assert stream.cid() == cid.from_digest(hashlib.sha256(read).digest())
    stream.drain()
    assert stream.size == len(data)
    assert stream.cid() == cid.of_bytes(data)
    assert stream.read(10) == b""
