from __future__ import annotations

import struct
import sys
from contextlib import suppress

import numpy as np
import pytest

import atdata
from atdata.errors import MissingExtra, SampleError
from atdata.samples.media.boxes import claimed_frames
from media.files import PIXELS, aac_file, image_file, video_file


@pytest.mark.parametrize(
    ("format_", "codec"),
    [
        ("mp4", "mpeg4"),
        ("mov", "mpeg4"),
        ("3gp", "mpeg4"),
        ("webm", "libvpx-vp9"),
        ("matroska", "mpeg4"),
        ("avi", "mpeg4"),
        ("mpeg", "mpeg1video"),
        ("mpegts", "mpeg2video"),
        ("flv", "flv"),
        ("asf", "msmpeg4"),
    ],
)
def test_frames_come_in_order(format_: str, codec: str) -> None:
    video = atdata.Video(video_file(format_, codec))
    array = video.array()
    assert (array.shape, array.dtype) == ((5, 48, 64, 3), np.uint8)
    assert np.abs(array.mean((1, 2, 3)) - np.arange(5) * 10).max() < 4
    assert np.array_equal(np.stack(list(video.frames())), array)


def test_frames_are_decoded_one_by_one() -> None:
    frames = atdata.Video(video_file("mp4", count=50)).frames()
    assert next(frames).shape == (48, 64, 3)
    frames.close()  # type: ignore[attr-defined]


def test_decoding_is_bounded() -> None:
    video = atdata.Video(video_file("mp4"))
    assert len(list(video.frames(max_frames=5, max_pixels=48 * 64))) == 5
    with pytest.raises(SampleError, match="max_frames=4"):
        list(video.frames(max_frames=4))
    with pytest.raises(SampleError, match="max_pixels=3071"):
        list(video.frames(max_pixels=48 * 64 - 1))
    with pytest.raises(SampleError, match="max_bytes=46079") as caught:
        video.array(max_bytes=5 * 48 * 64 * 3 - 1)
    assert caught.value.hint == "Pass a larger max_bytes if you trust the data."


@pytest.mark.parametrize("format_", ["mp4", "matroska", "avi", "mpegts"])
def test_a_file_cut_anywhere_is_a_sample_error_or_decoded(format_: str) -> None:
    data = video_file(format_)
    for size in range(0, len(data), max(1, len(data) // 40)):
        with suppress(SampleError):
            atdata.Video(data[:size]).array()


def test_an_absurd_duration_costs_nothing() -> None:
    data = video_file("mp4")
    header = data.index(b"mvhd")
    absurd = data[: header + 20] + b"\xff\xff\xff\xfe" + data[header + 24 :]
    assert len(atdata.Video(absurd).array()) == 5


FRAGMENTED = {"movflags": "frag_keyframe+empty_moov"}


def claiming(data: bytes, table: bytes, place: int, claimed: int) -> bytes:
    at = data.index(table) + place
    return data[:at] + struct.pack(">I", claimed) + data[at + 4 :]


@pytest.mark.parametrize("claimed", [10**4, 10**7, 2**31, 2**32 - 1])
def test_a_table_that_claims_many_frames_costs_nothing(claimed: int) -> None:
    """FFmpeg would take gigabytes for a file of a kilobyte."""
    data = claiming(video_file("mp4"), b"stsz", 8, 1)  # all frames of one byte
    data = claiming(claiming(data, b"stsz", 12, claimed), b"stsc", 16, claimed)
    with pytest.raises(SampleError, match=f"claims to have {claimed:,} frames"):
        atdata.Video(data).array()
    fragments = claiming(video_file("mp4", options=FRAGMENTED), b"trun", 8, claimed)
    with pytest.raises(SampleError, match="claims to have"):
        atdata.Video(fragments).array()


def test_a_compressed_header_is_refused() -> None:
    data = video_file("mov")
    with pytest.raises(SampleError, match="an unknown number of frames"):
        atdata.Video(data + b"\0\0\0\x10moovcmov\0\0\0\0").array()


def test_fragments_are_decoded() -> None:
    assert len(atdata.Video(video_file("mp4", options=FRAGMENTED)).array()) == 5


def test_the_bytes_of_frames_are_no_tables() -> None:
    data = video_file("mp4")
    at = data.index(b"mdat")
    size = int.from_bytes(data[at - 4 : at], "big")
    more = b"stsz" + b"\xff" * 16
    grown = data[: at - 4] + struct.pack(">I", size + len(more)) + data[at : at + size - 4] + more
    assert claimed_frames(grown + data[at + size - 4 :]) == 5
    wide = b"\0\0\0\1mdat" + struct.pack(">Q", 36) + b"stsz" + b"\xff" * 16
    assert claimed_frames(wide + b"\0\0\0\0mdat" + more) == 0


def test_playlists_are_not_opened() -> None:
    with pytest.raises(SampleError, match="expected Video"):
        list(atdata.Video(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n").frames())


def test_sound_alone_has_no_frames() -> None:
    with pytest.raises(SampleError, match="no video stream"):
        list(atdata.Video(aac_file("mp4")).frames())


def test_arrays_are_not_encoded() -> None:
    with pytest.raises(SampleError, match="expected Video, got ndarray") as caught:
        atdata.Video.of(PIXELS)
    assert caught.value.hint is not None
    assert "FFmpeg" in caught.value.hint


def test_images_are_refused() -> None:
    with pytest.raises(SampleError, match="image/png"):
        list(atdata.Video(image_file("PNG")).frames())


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    video = atdata.Video(video_file("mp4"))
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtra, match=r"atdata-sdk\[video\]"):
        list(video.frames())
