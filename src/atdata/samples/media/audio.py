"""Sound. soundfile (libsndfile) or PyAV (FFmpeg) decodes it; WAV is written here."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO
from itertools import chain
from typing import Any, NamedTuple, Self

import numpy as np

from atdata.base.extras import require
from atdata.errors import SampleError
from atdata.samples.media.boxes import check_claims
from atdata.samples.media.encoded import Media, decoding, refuse_more

MAX_BYTES = 2**30
"""Most bytes of decoded sound, unless more are asked for: 46 minutes of 48 kHz in stereo."""

_BLOCK = 2**16  # frames
_MOST_CHANNELS = 1024  # libsndfile's own bound
# Of containers that hold sound or video.
_SOUND_ONLY = {
    "video/mp4": "audio/mp4",
    "video/webm": "audio/webm",
    "video/x-matroska": "audio/x-matroska",
    "video/3gpp": "audio/3gpp",
}
# What libsndfile lacks, and FFmpeg's names of it; as for video, no other format is tried.
_FFMPEG = {
    "audio/mp4": "mov",
    "audio/3gpp": "mov",
    "audio/aac": "aac",
    "audio/webm": "matroska",
    "audio/x-matroska": "matroska",
}
# dtypes of WAV: format tag, bits of a sample.
_WAV = {np.dtype(np.int16): (1, 16), np.dtype(np.float32): (3, 32)}


class Waveform(NamedTuple):
    """Decoded sound.

    Attributes:
        samples: Shape (frames, channels); float32, from -1 to 1.
        rate: Frames a second.
    """

    samples: np.ndarray[Any, Any]
    rate: int


class Audio(Media):
    """A sound file: WAV, FLAC, MP3, Ogg (Vorbis, Opus, FLAC), AIFF, AU, CAF, M4A, AAC, ….

    A field of this type also takes a :class:`Waveform`, or a tuple of samples and rate, as
    :meth:`from_array` does.
    """

    __slots__ = ()

    family = "audio"

    @classmethod
    def from_array(cls, samples: np.ndarray[Any, Any], rate: int) -> Self:
        """Encode samples as WAV, without loss; equal samples give equal bytes everywhere.

        Args:
            samples: Of dtype int16 or float32, and of shape (frames,) or (frames, channels).
            rate: Frames a second.

        Raises:
            SampleError: Another dtype or shape, or a rate that WAV can't hold.
        """
        native = samples.dtype.newbyteorder("=")
        if native not in _WAV or samples.ndim not in (1, 2):
            raise SampleError(
                f"an array of dtype {samples.dtype} and shape {samples.shape} is not sound",
                hint="Give int16 or float32 of shape (frames, channels), as in "
                "samples.astype(np.float32).",
            )
        channels = 1 if samples.ndim == 1 else samples.shape[1]
        if not 0 < channels <= _MOST_CHANNELS or not 0 < rate < 2**32 // (4 * channels):
            raise SampleError(f"WAV can't hold {channels} channels at {rate} frames a second")
        return cls(_wav(np.ascontiguousarray(samples, native.newbyteorder("<")), channels, rate))

    @classmethod
    def of(cls, value: Any) -> Self:  # noqa: D102 - see Media
        match value:
            case (np.ndarray() as samples, int() | np.integer() as rate):
                return cls.from_array(samples, int(rate))
        return super().of(value)

    def samples(self, *, max_bytes: int = MAX_BYTES) -> Waveform:
        """Decode the sound: ``samples, rate = audio.samples()``.

        Args:
            max_bytes: Most bytes of the array.

        Returns:
            A new float32 array of shape (frames, channels), and the frames a second.

        Raises:
            SampleError: The file can't be decoded, or decodes to more.
            MissingExtra: soundfile is not installed; for M4A, AAC, WebM and Matroska, PyAV.
        """
        self.check()
        container = _FFMPEG.get(self.media_type)
        parts, size = [], 0
        with decoding(self, "PyAV" if container else "soundfile"):
            # Headers may claim anything, so memory follows what is there.
            for part in self._by_ffmpeg(container) if container else self._by_soundfile():
                size += part.samples.nbytes
                refuse_more(self, size, max_bytes, "max_bytes")
                parts.append(part)
        return Waveform(np.concatenate([part.samples for part in parts]), parts[0].rate)

    def _by_soundfile(self) -> Iterator[Waveform]:
        """Yield the sound in blocks, the first of them empty."""
        soundfile = require("soundfile", extra="audio")
        with soundfile.SoundFile(BytesIO(self._data)) as file:
            yield Waveform(np.empty((0, file.channels), np.float32), file.samplerate)
            while len(block := file.read(_BLOCK, "float32", always_2d=True)):
                yield Waveform(block, file.samplerate)

    def _by_ffmpeg(self, container: str) -> Iterator[Waveform]:
        """Yield the sound of the first stream in blocks, the first of them empty."""
        av = require("av", extra="video")
        if container == "mov":
            check_claims(self)
        with av.open(BytesIO(self._data), format=container) as file:
            if not file.streams.audio:
                raise SampleError(f"{self!r} has no sound")
            stream = file.streams.audio[0]
            packed = av.AudioResampler("flt", stream.layout, stream.rate)
            yield Waveform(np.empty((0, stream.channels), np.float32), stream.rate)
            for frame in chain(file.decode(stream), [None]):  # None for what the resampler keeps
                for block in packed.resample(frame):
                    yield Waveform(block.to_ndarray().reshape(-1, stream.channels), stream.rate)

    @classmethod
    def _own_type(cls, found: str) -> str:
        return _SOUND_ONLY.get(found, found)

    @classmethod
    def _hint(cls, value: Any) -> str | None:
        if isinstance(value, np.ndarray):
            return "Give the rate too: Audio.from_array(samples, rate)."
        return super()._hint(value)


def _wav(samples: np.ndarray[Any, Any], channels: int, rate: int) -> bytes:
    """Return samples as WAV: of integers as Python's ``wave`` writes them; of floats with a fact.

    libsndfile would put the current time into a file of floats.
    """
    tag, bits = _WAV[samples.dtype.newbyteorder("=")]
    width = bits // 8 * channels
    form = struct.pack("<HHIIHH", tag, channels, rate, rate * width, width, bits)
    fact = b""
    if tag != 1:  # other codings than integers state the length of extensions, and of the sound
        form += bytes(2)
        fact = b"fact" + struct.pack("<II", 4, len(samples))
    size = 4 + 8 + len(form) + len(fact) + 8 + samples.nbytes
    if size >= 2**32:
        raise SampleError(f"WAV holds less than 4 GiB, not {size:,} bytes")
    head = b"RIFF" + struct.pack("<I", size) + b"WAVE"
    head += b"fmt " + struct.pack("<I", len(form)) + form + fact
    return head + b"data" + struct.pack("<I", samples.nbytes) + samples.tobytes()
