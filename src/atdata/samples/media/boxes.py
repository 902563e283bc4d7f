"""Boxes of MP4 and QuickTime files (ISO/IEC 14496-12): how many frames they claim to have.

FFmpeg allocates an entry for each frame that a table claims, before it looks for the frame, so a
file of a kilobyte could take gigabytes.
"""

from __future__ import annotations

from collections.abc import Iterator

from atdata.errors import SampleError
from atdata.samples.media.encoded import Media

# Tables of frames, and the position of their number after the name.
_TABLES = {b"stsz": 12, b"stz2": 12, b"trun": 8}
# Its contents are compressed, so tables would not be found.
_COMPRESSED = b"cmov"


def check_claims(media: Media) -> None:
    """Refuse a file that claims more frames than it has bytes.

    Raises:
        SampleError: With the number.
    """
    claimed = claimed_frames(media.bytes)
    if claimed is None or claimed > len(media):
        how = "an unknown number of" if claimed is None else f"{claimed:,}"
        raise SampleError(f"{media!r} can't be decoded: it claims to have {how} frames")


def claimed_frames(data: bytes) -> int | None:
    """Return the number of frames in all tables of a file; None if its header is compressed."""
    claimed = 0
    # Tables are looked for by name: FFmpeg reads them inside of any box.
    for start, stop in _headers(data):
        if data.find(_COMPRESSED, start, stop) >= 0:
            return None
        for name, place in _TABLES.items():
            for at in _places(data, name, start, stop):
                claimed += int.from_bytes(data[at + place : at + place + 4], "big")
    return claimed


def _headers(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the ranges that are not in ``mdat``, whose frames may contain any bytes."""
    at, start = 0, 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        size = size or len(data) - at  # 0 is the rest of the file
        if size < 8:
            break
        if data[at + 4 : at + 8] == b"mdat":
            yield start, at
            start = at + size
        at += size
    yield start, len(data)


def _places(data: bytes, name: bytes, start: int, stop: int) -> Iterator[int]:
    at = data.find(name, start, stop)
    while at >= 0:
        yield at
        at = data.find(name, at + 1, stop)
