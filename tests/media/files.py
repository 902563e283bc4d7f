"""Small media files, made by the libraries that own the formats."""

from __future__ import annotations

import io
from typing import Any

import av
import numpy as np
import PIL.Image
import soundfile

PIXELS: Any = np.random.default_rng(1).integers(0, 256, (12, 16, 3), dtype=np.uint8)
TONE: Any = np.sin(np.arange(800) / 9).astype("f4").reshape(-1, 1)
RATE = 8_000


def image_file(format_: str, pixels: Any = PIXELS, **options: Any) -> bytes:
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, format_, **options)
    return file.getvalue()


def sound_file(format_: str, subtype: str | None = None, rate: int = RATE) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, TONE, rate, subtype=subtype, format=format_)
    return file.getvalue()


def video_file(
    format_: str, codec: str = "mpeg4", count: int = 5, options: dict[str, str] | None = None
) -> bytes:
    """Frames of one grey value each: 10 times its number."""
    file = io.BytesIO()
    with av.open(file, "w", format=format_, options=options or {}) as container:
        stream: Any = container.add_stream(codec, rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(count):
            pixels = np.full((48, 64, 3), number * 10 % 256, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


def aac_file(format_: str) -> bytes:
    """Sound in a format that libsndfile lacks."""
    file = io.BytesIO()
    with av.open(file, "w", format=format_) as container:
        stream: Any = container.add_stream("aac", rate=44_100)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(TONE.reshape(1, -1), format="fltp", layout="mono")
        frame.sample_rate = 44_100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()
