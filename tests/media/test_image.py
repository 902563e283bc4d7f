from __future__ import annotations

import io
import struct
import sys
import warnings
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

import atdata
from atdata.errors import MissingExtra, SampleError
from media.files import PIXELS, image_file

LOSSLESS = ["PNG", "TIFF", "BMP", "JPEG2000", "PPM"]


def png_claiming(width: int, height: int) -> bytes:
    """A small PNG of two colours whose header claims these sides."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(100_000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


@pytest.mark.parametrize("format_", LOSSLESS)
def test_array_gives_the_pixels(format_: str) -> None:
    image = atdata.Image(image_file(format_))
    assert image.size() == (16, 12)
    array = image.array()
    assert np.array_equal(array, PIXELS)
    assert array.flags.writeable


@pytest.mark.parametrize("format_", ["JPEG", "GIF", "WEBP", "AVIF"])
def test_other_formats_are_decoded(format_: str) -> None:
    assert atdata.Image(image_file(format_)).array("RGB").shape == (12, 16, 3)


def test_pil_gives_a_decoded_image() -> None:
    image = atdata.Image(image_file("PNG")).pil()
    assert isinstance(image, PIL.Image.Image)
    assert np.array_equal(np.asarray(image), PIXELS)


@pytest.mark.parametrize(
    ("mode", "channels"), [("1", 1), ("L", 1), ("LA", 2), ("P", 3), ("RGB", 3), ("RGBA", 4)]
)
def test_array_has_the_channels_of_the_file(mode: str, channels: int) -> None:
    image = atdata.Image.from_pil(PIL.Image.fromarray(PIXELS).convert(mode))
    assert image.array().shape == (12, 16, channels)
    assert image.array("RGB").shape == (12, 16, 3)
    assert image.array("L").shape == (12, 16, 1)


def test_a_transparent_palette_becomes_rgba() -> None:
    palette = PIL.Image.fromarray(PIXELS).convert("P")
    palette.info["transparency"] = 0
    assert atdata.Image.from_pil(palette).array().shape == (12, 16, 4)


def test_cmyk_becomes_rgb() -> None:
    file = io.BytesIO()
    PIL.Image.fromarray(PIXELS).convert("CMYK").save(file, "JPEG")
    assert atdata.Image(file.getvalue()).array().shape == (12, 16, 3)


def test_sixteen_bits_are_not_cut_silently() -> None:
    pixels = np.arange(20, dtype="u2").reshape(4, 5) * 999
    image = atdata.Image.from_pil(PIL.Image.fromarray(pixels))
    with pytest.raises(SampleError, match="more than 8 bits") as caught:
        image.array()
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("Use pil()")
    assert np.asarray(image.pil()).max() == 19 * 999


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 1), (5, 4, 2), (5, 4, 3), (5, 4, 4)])
def test_from_array_is_lossless_and_deterministic(shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(2).integers(0, 256, shape, dtype=np.uint8)
    image = atdata.Image.from_array(array)
    assert image.media_type == "image/png"
    assert np.array_equal(image.array(), array.reshape(5, 4, -1))
    strided = np.asfortranarray(array)
    assert atdata.Image.from_array(strided) == image


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4), "f4"),
        np.zeros((4, 4), "u2"),
        np.zeros((4, 4), bool),
        np.zeros(4, "u1"),
        np.zeros((3, 4, 4), "u1")[:, :, :0],
        np.zeros((4, 4, 5), "u1"),
        np.zeros((0, 4, 3), "u1"),
    ],
)
def test_from_array_refuses_what_is_not_an_image(array: Any) -> None:
    with pytest.raises(SampleError, match="is not an image"):
        atdata.Image.from_array(array)


def test_from_pil_refuses_modes_that_png_lacks() -> None:
    with pytest.raises(SampleError, match="mode CMYK") as caught:
        atdata.Image.from_pil(PIL.Image.new("CMYK", (2, 2)))
    assert caught.value.hint == 'Convert it: image.convert("RGB").'


def test_from_pil_takes_the_pixels_as_they_are_now(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(image_file("JPEG"))
    with PIL.Image.open(path) as opened:
        opened.paste(0, (0, 0, 16, 12))
        assert atdata.Image.from_pil(opened).array().max() == 0
    assert atdata.Image.from_file(path).bytes == path.read_bytes()


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    bomb = atdata.Image(png_claiming(50_000, 50_000))
    assert bomb.size() == (50_000, 50_000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for decode in (bomb.pil, bomb.array):
            with pytest.raises(SampleError, match="2,500,000,000 pixels, more than max_pixels"):
                decode()


def test_the_bound_is_raised_for_one_call() -> None:
    """Above Pillow's own bound too, without its warning."""
    image = atdata.Image(png_claiming(10_000, 10_000))
    with pytest.raises(SampleError) as caught:
        image.pil()
    assert caught.value.hint == "Pass a larger max_pixels if you trust the data."
    with pytest.raises(SampleError, match="can't be decoded"):  # it is cut off
        image.pil(max_pixels=100_000_000)
    with pytest.raises(SampleError, match="max_pixels=100"):
        atdata.Image(image_file("PNG")).array(max_pixels=100)


def test_of_many_frames_the_first_is_decoded() -> None:
    frames = [PIL.Image.new("L", (2, 2), number % 256) for number in range(300)]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    assert np.array_equal(atdata.Image(file.getvalue()).array("L"), np.zeros((2, 2, 1)))


@pytest.mark.parametrize("format_", [*LOSSLESS, "JPEG", "GIF", "WEBP", "AVIF"])
def test_a_file_cut_anywhere_is_a_sample_error_or_decoded(format_: str) -> None:
    data = image_file(format_)
    for size in range(0, len(data), max(1, len(data) // 50)):
        with suppress(SampleError):
            atdata.Image(data[:size]).array()


@pytest.mark.parametrize(
    "data",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
        b"text",
        b"\x93NUMPY",
        image_file("PNG")[:8],
        image_file("PNG")[:8] + image_file("JPEG"),
        image_file("JPEG")[:3] + image_file("PNG"),
    ],
    ids=["EPS", "text", "npy", "empty PNG", "JPEG as PNG", "PNG as JPEG"],
)
def test_other_bytes_are_not_decoded_as_anything_else(data: bytes) -> None:
    with pytest.raises(SampleError, match="can't be decoded"):
        atdata.Image(data).pil()


def test_a_polyglot_is_what_its_start_is() -> None:
    both = image_file("PNG") + image_file("JPEG", PIXELS[:2])
    assert atdata.Image(both).size() == (16, 12)


def test_a_format_without_a_decoder_names_the_next_step() -> None:
    with pytest.raises(SampleError, match="image/jxl") as caught:
        atdata.Image(b"\xff\x0a\xfa\x1f").pil()
    assert caught.value.hint is not None
    assert "plug-in" in caught.value.hint


def test_a_warning_that_is_an_error_stays_one_of_ours() -> None:
    """TIFF tags of a wrong length warn in Pillow."""
    data = bytearray(image_file("TIFF"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for at in range(len(data) - 100, len(data)):
            changed = bytes(data[:at]) + b"\xff" + bytes(data[at + 1 :])
            with suppress(SampleError):
                atdata.Image(changed).array()


def test_notebooks_show_png_and_jpeg() -> None:
    png, jpeg = (atdata.Image(image_file(name)) for name in ("PNG", "JPEG"))
    assert (png._repr_png_(), png._repr_jpeg_()) == (png.bytes, None)
    assert (jpeg._repr_png_(), jpeg._repr_jpeg_()) == (None, jpeg.bytes)
    assert atdata.Image(png.bytes + bytes(2**22))._repr_png_() is None


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    image = atdata.Image(image_file("PNG"))
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(MissingExtra, match=r"atdata-sdk\[images\]"):
        image.pil()
