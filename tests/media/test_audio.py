from __future__ import annotations

import io
import struct
import sys
import wave
from contextlib import suppress

import numpy as np
import pytest
import soundfile

import atdata
from atdata.errors import MissingExtra, SampleError
from media.files import RATE, TONE, aac_file, sound_file, video_file


@pytest.mark.parametrize("format_", ["WAV", "FLAC", "AIFF", "AU", "CAF", "RF64"])
def test_samples_are_floats_with_their_rate(format_: str) -> None:
    samples, rate = atdata.Audio(sound_file(format_)).samples()
    assert (samples.shape, samples.dtype, rate) == ((800, 1), np.float32, RATE)
    assert np.abs(samples - TONE).max() < 2**-14
    assert samples.flags.writeable


@pytest.mark.parametrize(
    ("format_", "subtype"), [("MP3", None), ("OGG", "VORBIS"), ("OGG", "OPUS")]
)
def test_lossy_formats_are_decoded(format_: str, subtype: str | None) -> None:
    waveform = atdata.Audio(sound_file(format_, subtype)).samples()
    assert waveform.samples.shape[1] == 1
    assert waveform.rate == RATE


@pytest.mark.parametrize("dtype", [np.int16, np.float32, ">f4", ">i2"])
@pytest.mark.parametrize("shape", [(800,), (800, 1), (400, 2), (0, 2)])
def test_from_array_is_lossless(dtype: str, shape: tuple[int, ...]) -> None:
    scale = 30_000 if np.dtype(dtype).kind == "i" else 1
    array = (TONE[: shape[0] * (shape[1] if len(shape) > 1 else 1)] * scale).astype(dtype)
    audio = atdata.Audio.from_array(array.reshape(shape), 16_000)
    assert audio.media_type == "audio/wav"
    kind = "int16" if scale > 1 else "float32"
    found, rate = soundfile.read(io.BytesIO(audio.bytes), dtype=kind, always_2d=True)
    assert rate == 16_000
    assert np.array_equal(found.reshape(-1), array.reshape(-1))


def test_integers_are_written_as_python_does() -> None:
    array = (TONE * 30_000).astype("i2").reshape(-1, 2)
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(2)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes(array.tobytes())
    assert atdata.Audio.from_array(array, RATE).bytes == file.getvalue()


@pytest.mark.parametrize(
    ("array", "rate"),
    [
        (np.zeros(4), RATE),
        (np.zeros((2, 2, 2), "f4"), RATE),
        (np.zeros((2, 0), "f4"), RATE),
        (np.zeros(4, "f4"), 0),
        (np.zeros(4, "f4"), 2**31),
    ],
)
def test_from_array_refuses_what_wav_cannot_hold(array: np.ndarray, rate: int) -> None:  # type: ignore[type-arg]
    with pytest.raises(SampleError, match=r"is not sound|WAV can't hold"):
        atdata.Audio.from_array(array, rate)


def test_the_decoded_size_is_bounded() -> None:
    audio = atdata.Audio(sound_file("FLAC"))
    assert audio.samples(max_bytes=3_200).samples.nbytes == 3_200
    with pytest.raises(SampleError, match="more than max_bytes=3199") as caught:
        audio.samples(max_bytes=3_199)
    assert caught.value.hint == "Pass a larger max_bytes if you trust the data."


def test_silence_that_unfolds_is_refused() -> None:
    file = io.BytesIO()
    soundfile.write(file, np.zeros((4_000_000, 8), "i2"), 48_000, format="FLAC")
    assert len(file.getvalue()) < 200_000
    with pytest.raises(SampleError, match="max_bytes=16777216"):
        atdata.Audio(file.getvalue()).samples(max_bytes=2**24)


def _wav(form: bytes, size: int) -> bytes:
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", size)
    return b"RIFF" + struct.pack("<I", 2**32 - 1) + b"WAVE" + chunks + bytes(64)


@pytest.mark.parametrize("channels", [0, 1, 2, 65_535])
@pytest.mark.parametrize("rate", [0, 1, 2**32 - 1])
@pytest.mark.parametrize("size", [0, 2**31, 2**32 - 1])
def test_absurd_headers_cost_no_memory(channels: int, rate: int, size: int) -> None:
    form = struct.pack("<HHIIHH", 1, channels, rate, 0, channels * 2 % 2**16, 16)
    with suppress(SampleError):
        assert atdata.Audio(_wav(form, size)).samples().samples.size <= 32


@pytest.mark.parametrize("format_", ["WAV", "FLAC", "MP3", "OGG", "AIFF", "CAF"])
def test_a_file_cut_anywhere_is_a_sample_error_or_decoded(format_: str) -> None:
    data = sound_file(format_)
    for size in range(0, len(data), 97):
        with suppress(SampleError):
            atdata.Audio(data[:size]).samples()


def test_other_files_are_refused() -> None:
    with pytest.raises(SampleError, match="expected Audio"):
        atdata.Audio(b"text").samples()


@pytest.mark.parametrize("format_", ["ipod", "mp4", "adts", "matroska"])
def test_formats_that_soundfile_lacks_are_decoded_by_ffmpeg(format_: str) -> None:
    audio = atdata.Audio(aac_file(format_))
    samples, rate = audio.samples()
    assert (samples.dtype, samples.shape[1], rate) == (np.float32, 1, 44_100)
    assert 800 <= len(samples) <= 4096
    assert np.abs(samples).max() > 0.5
    with pytest.raises(SampleError, match="more than max_bytes=1000"):
        audio.samples(max_bytes=1_000)


def test_a_container_without_sound_is_refused() -> None:
    with pytest.raises(SampleError, match="has no sound"):
        atdata.Audio(video_file("mp4")).samples()


def test_a_table_that_claims_much_sound_costs_nothing() -> None:
    data = aac_file("ipod")
    at = data.index(b"stsz") + 8
    with pytest.raises(SampleError, match="claims to have 40,000,000 frames"):
        atdata.Audio(data[:at] + struct.pack(">II", 1, 40_000_000) + data[at + 8 :]).samples()


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    audio, aac = atdata.Audio(sound_file("WAV")), atdata.Audio(aac_file("adts"))
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(MissingExtra, match=r"atdata-sdk\[audio\]"):
        audio.samples()
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtra, match=r"atdata-sdk\[video\]"):
        aac.samples()
