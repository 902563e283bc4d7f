"""Small pictures for pages: PNG for images, SVG for histograms.

This stays ours because two chunks of PNG need no imaging library, which would also have to be
confined when it reads headers of untrusted files.
"""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import numpy as np

_LARGEST_SIDE = 256  # pixels; larger images are thinned out
_SMALLEST_SIDE = 4
_MOST_NUMBERS = 100_000  # of an array, for its histogram
_BARS, _WIDTH, _HEIGHT = 24, 120, 32
_COLOR_TYPES = {1: 0, 3: 2, 4: 6}  # PNG specification, 11.2.2: grey, RGB, RGBA
# Markers that begin a frame, with its size; the three left out are tables and extensions.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_MAGIC = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
}


def image_url(array: np.ndarray[Any, Any]) -> str | None:
    """Return a ``data:`` URL of an array that looks like an image; None for other arrays.

    Such arrays contain numbers and have two axes, or a third of 1, 3 or 4 channels, first or
    last. Numbers other than bytes are stretched to the range from black to white.
    """
    pixels = _channels_last(array)
    if pixels is None:
        return None
    step = max(1, -(-max(pixels.shape[:2]) // _LARGEST_SIDE))
    return _data_url(_png(_as_bytes(pixels[::step, ::step])), "image/png")


def file_url(data: bytes, most: int) -> str | None:
    """Return a ``data:`` URL of an image file of at most ``most`` bytes; None for other bytes."""
    for magic, media_type in _MAGIC.items():
        if data.startswith(magic) and len(data) <= most:
            return _data_url(data, media_type)
    return None


def file_pixels(data: bytes) -> int | None:
    """Return the number of pixels in an image file's header; None when it can't be read."""
    try:
        width, height = _size(data)
    except (struct.error, IndexError):
        return None
    return width * height or None


def _size(data: bytes) -> tuple[int, int]:
    if data.startswith(b"\x89PNG") and data[12:16] == b"IHDR":
        return struct.unpack_from(">II", data, 16)
    if data.startswith(b"GIF8"):
        return struct.unpack_from("<HH", data, 6)
    if data.startswith(b"\xff\xd8"):
        return _jpeg_size(data)
    if data[8:12] == b"WEBP":
        return _webp_size(data)
    return 0, 0


def _jpeg_size(data: bytes) -> tuple[int, int]:
    at = 2
    while data[at] == 0xFF:
        marker, length = struct.unpack_from(">xBH", data, at)
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        at += 2 + length
    return 0, 0


def _webp_size(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        sizes = struct.unpack_from("<HBHB", data, 24)
        return (sizes[0] | sizes[1] << 16) + 1, (sizes[2] | sizes[3] << 16) + 1
    return 0, 0


def histogram(array: np.ndarray[Any, Any]) -> str | None:
    """Return an SVG histogram of an array's numbers; None when there is nothing to draw."""
    numbers = _finite(array)
    if numbers.size < 2:
        return None
    low, high = float(numbers.min()), float(numbers.max())
    if not high - low > 0 or not np.isfinite(high - low):
        return None
    counts, _ = np.histogram(numbers, bins=_BARS, range=(low, high))
    width = _WIDTH / _BARS
    bars = "".join(
        f'<rect x="{number * width:.1f}" y="{_HEIGHT - height:.1f}"'
        f' width="{width - 1:.1f}" height="{height:.1f}"/>'
        for number, height in enumerate(counts / counts.max() * _HEIGHT)
    )
    label = f"histogram from {low:.4g} to {high:.4g}"
    return (
        f'<svg class="histogram" role="img" aria-label="{label}" width="{_WIDTH}"'
        f' height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}">{bars}</svg>'
    )


def summary(array: np.ndarray[Any, Any]) -> str:
    """Return an array's type, shape, and range and mean of its numbers."""
    shape = " x ".join(map(str, array.shape)) or "scalar"
    numbers = _finite(array)
    if not numbers.size:
        return f"{array.dtype} {shape}"
    return (
        f"{array.dtype} {shape}, {numbers.min():.4g} to {numbers.max():.4g},"
        f" mean {numbers.mean(dtype=np.float64):.4g}"
    )


def _finite(array: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    if array.dtype.kind not in "biuf":
        return np.empty(0)
    numbers = array.reshape(-1)[:_MOST_NUMBERS].astype(np.float64)
    return numbers[np.isfinite(numbers)]


def _channels_last(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any] | None:
    if array.dtype.kind not in "biuf":
        return None
    if array.ndim == 2:
        array = array[:, :, None]
    elif array.ndim == 3 and array.shape[2] not in _COLOR_TYPES and array.shape[0] in _COLOR_TYPES:
        array = np.moveaxis(array, 0, 2)
    if array.ndim != 3 or array.shape[2] not in _COLOR_TYPES:
        return None
    return array if min(array.shape[:2]) >= _SMALLEST_SIDE else None


def _as_bytes(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    if pixels.dtype == np.uint8:
        return pixels
    numbers = np.nan_to_num(pixels.astype(np.float64), nan=0, posinf=0, neginf=0)
    low, high = numbers.min(), numbers.max()
    if not np.isfinite(high - low) or high == low:
        return np.zeros(pixels.shape, np.uint8)
    scaled: np.ndarray[Any, np.dtype[np.uint8]] = ((numbers - low) / (high - low) * 255).astype(
        np.uint8
    )
    return scaled


def _png(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    height, width, channels = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOR_TYPES[channels], 0, 0, 0)
    # Each row begins with the number of its filter: none.
    rows = np.zeros((height, 1 + width * channels), np.uint8)
    rows[:, 1:] = pixels.reshape(height, -1)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _data_url(data: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"
