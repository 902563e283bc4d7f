"""Video. PyAV (FFmpeg) decodes it."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any, TypeAlias

import numpy as np

from atdata.base.extras import require
from atdata.errors import SampleError
from atdata.samples.media.boxes import check_claims
from atdata.samples.media.encoded import Media, decoding, refuse_more
from atdata.samples.media.image import MAX_PIXELS, Pixels

MAX_FRAMES = 100_000
"""Most frames that are decoded, unless more are asked for: about an hour."""
MAX_BYTES = 2**30
"""Most bytes of an array of frames, unless more are asked for."""

Frames: TypeAlias = np.ndarray[tuple[int, int, int, int], np.dtype[np.uint8]]

# FFmpeg's names. Of an untrusted file no other format is tried: playlists open other files.
_FORMATS = {
    "video/mp4": "mov",
    "video/quicktime": "mov",
    "video/3gpp": "mov",
    "video/webm": "matroska",
    "video/x-matroska": "matroska",
    "video/x-msvideo": "avi",
    "video/mpeg": "mpeg",
    "video/mp2t": "mpegts",
    "video/x-flv": "flv",
    "video/x-ms-asf": "asf",
    "video/ogg": "ogg",
}


class Video(Media):
    """A video file: MP4, QuickTime, WebM, Matroska, AVI, MPEG, FLV, ASF or Ogg."""

    __slots__ = ()

    family = "video"

    def frames(
        self, *, max_frames: int = MAX_FRAMES, max_pixels: int = MAX_PIXELS
    ) -> Iterator[Pixels]:
        """Decode the frames of the first video stream, one after the other.

        Args:
            max_frames: Most frames to decode.
            max_pixels: Most pixels (width times height) of a frame.

        Yields:
            New arrays of dtype uint8 and shape (height, width, 3): RGB.

        Raises:
            SampleError: The file can't be decoded, or has more frames or pixels.
            MissingExtra: PyAV is not installed.
        """
        av = require("av", extra="video")
        self.check()
        container, source = _FORMATS[self.media_type], BytesIO(self.bytes)
        if container == "mov":
            check_claims(self)
        with decoding(self, "PyAV"), av.open(source, format=container) as file:
            if not file.streams.video:
                raise SampleError(f"{self!r} has no video stream")
            stream = file.streams.video[0]
            refuse_more(self, stream.width * stream.height, max_pixels, "max_pixels")
            for number, frame in enumerate(file.decode(stream), 1):
                refuse_more(self, number, max_frames, "max_frames")
                refuse_more(self, frame.width * frame.height, max_pixels, "max_pixels")
                yield frame.to_ndarray(format="rgb24")

    def array(self, *, max_bytes: int = MAX_BYTES) -> Frames:
        """Decode all frames to one array of dtype uint8 and shape (frames, height, width, 3).

        Args:
            max_bytes: Most bytes of the array.

        Raises:
            SampleError: As :meth:`frames`; or the array would be larger, or frames differ in size.
            MissingExtra: PyAV is not installed.
        """
        frames, size = [], 0
        for frame in self.frames():
            size += frame.nbytes
            refuse_more(self, size, max_bytes, "max_bytes")
            frames.append(frame)
        if len({frame.shape for frame in frames}) != 1:
            raise SampleError(
                f"{self!r} has no frames, or some of several sizes", hint="Use frames()."
            )
        return np.stack(frames)

    @classmethod
    def _hint(cls, value: Any) -> str | None:
        if isinstance(value, np.ndarray):
            return "Encode the frames, as with PyAV or FFmpeg, and give Video(bytes)."
        return super()._hint(value)
