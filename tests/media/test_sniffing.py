from __future__ import annotations

import pytest

from atdata.samples.media.sniffing import sniff
from media.files import aac_file, image_file, sound_file, video_file


@pytest.mark.parametrize(
    ("format_", "media_type"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("GIF", "image/gif"),
        ("WEBP", "image/webp"),
        ("TIFF", "image/tiff"),
        ("BMP", "image/bmp"),
        ("JPEG2000", "image/jp2"),
        ("AVIF", "image/avif"),
        ("PPM", "image/x-portable-anymap"),
    ],
)
def test_image_files_of_pillow(format_: str, media_type: str) -> None:
    assert sniff(image_file(format_)) == media_type


@pytest.mark.parametrize(
    ("format_", "media_type"),
    [
        ("WAV", "audio/wav"),
        ("RF64", "audio/wav"),
        ("FLAC", "audio/flac"),
        ("MP3", "audio/mpeg"),
        ("OGG", "audio/ogg"),
        ("AIFF", "audio/aiff"),
        ("AU", "audio/basic"),
        ("CAF", "audio/x-caf"),
    ],
)
def test_sound_files_of_libsndfile(format_: str, media_type: str) -> None:
    assert sniff(sound_file(format_)) == media_type


@pytest.mark.parametrize(("format_", "media_type"), [("ipod", "audio/mp4"), ("adts", "audio/aac")])
def test_sound_files_of_ffmpeg(format_: str, media_type: str) -> None:
    assert sniff(aac_file(format_)) == media_type


@pytest.mark.parametrize(
    ("format_", "media_type"),
    [
        ("mp4", "video/mp4"),
        ("mov", "video/quicktime"),
        ("3gp", "video/3gpp"),
        ("matroska", "video/x-matroska"),
        ("avi", "video/x-msvideo"),
        ("mpegts", "video/mp2t"),
        ("asf", "video/x-ms-asf"),
    ],
)
def test_video_files_of_ffmpeg(format_: str, media_type: str) -> None:
    assert sniff(video_file(format_)) == media_type


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"\0\0\0\x18ftypheic", "image/heic"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avif", "image/avif"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heic", "image/heic"),
        (b"\xff\x0a\xfa\x1f", "image/jxl"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl"),
        (b"II+\0\x08\0", "image/tiff"),
        (b"FLV\1\5\0\0\0\x09", "video/x-flv"),
        (b"ID3\x04\0\0", "audio/mpeg"),
        (b"OggS" + bytes(24) + b"\x80theora", "video/ogg"),
        (b"\0\0\0\x08wide\0\0\2Cmdat", "video/quicktime"),
        (b"\0\0\1\xba!\0\1", "video/mpeg"),
    ],
)
def test_marks_of_formats_that_no_library_here_writes(head: bytes, media_type: str) -> None:
    assert sniff(head) == media_type


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"\xff\xfb",
        b"text",
        b"BMW is a brand",
        b"P1",
        b"RIFF\0\0\0\0CDXA",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%!PS-Adobe-3.0 EPSF-3.0",
        b"#EXTM3U\nfile:///etc/passwd",
        b"\x93NUMPY\1\0",
        b"\xff\xff\xff\xff",
    ],
)
def test_other_bytes_have_no_media_type(data: bytes) -> None:
    assert sniff(data) is None
