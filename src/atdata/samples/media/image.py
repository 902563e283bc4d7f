"""Images. Pillow decodes and encodes them."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

import numpy as np

from atdata.base.extras import require
from atdata.errors import SampleError
from atdata.samples.media.encoded import Media, decoding, refuse_more

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

MAX_PIXELS = 2**30 // 4 // 3
"""Most pixels that are decoded, unless more are asked for: 89 million, as Pillow has it."""

Pixels: TypeAlias = np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]

# Pillow's names. Of an untrusted file no other format is tried: some start other programs.
_FORMATS = {
    "image/jpeg": "JPEG",
    "image/png": "PNG",
    "image/gif": "GIF",
    "image/webp": "WEBP",
    "image/tiff": "TIFF",
    "image/bmp": "BMP",
    "image/jp2": "JPEG2000",
    "image/avif": "AVIF",
    "image/heic": "HEIF",
    "image/jxl": "JXL",
    "image/x-portable-anymap": "PPM",
}
_EIGHT_BITS = {"L", "LA", "RGB", "RGBA"}
# Those of eight bits a channel that have another meaning; palettes are not here.
_CONVERTED = {"1": "L", "La": "LA", "RGBa": "RGBA", "PA": "RGBA"} | dict.fromkeys(
    ("CMYK", "YCbCr", "LAB", "HSV", "RGBX"), "RGB"
)
_LOSSLESS = {"1", "L", "LA", "P", "RGB", "RGBA", "I;16"}
_CHANNELS = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_SHOWN = 4 * 2**20  # bytes, in a notebook


class Image(Media):
    """An image file: JPEG, PNG, GIF, WebP, TIFF, BMP, AVIF, HEIC, JPEG XL, JPEG 2000 or netpbm.

    A field of this type also takes a ``uint8`` array, as :meth:`from_array` does, and an image of
    Pillow, as :meth:`from_pil` does. HEIC and JPEG XL are decoded where a plug-in of Pillow for
    them was imported.
    """

    __slots__ = ()

    family = "image"

    @classmethod
    def from_array(cls, array: np.ndarray[Any, Any]) -> Self:
        """Encode pixels as PNG, without loss; equal pixels give equal bytes in one Pillow version.

        Args:
            array: Of dtype uint8 and shape (height, width) or (height, width, channels), with 1,
                2, 3 or 4 channels: grey, grey and alpha, RGB, RGBA.

        Raises:
            SampleError: Another dtype or shape.
            MissingExtra: Pillow is not installed.
        """
        shape = (*array.shape, 1) if array.ndim == 2 else array.shape
        if array.dtype != np.uint8 or len(shape) != 3 or shape[2] not in _CHANNELS or 0 in shape:
            raise SampleError(
                f"an array of dtype {array.dtype} and shape {array.shape} is not an image",
                hint="Give uint8 of shape (height, width) or (height, width, channels); or "
                "annotate the field as `NDArray`, which keeps any array.",
            )
        mode = _CHANNELS[shape[2]]
        pixels = np.ascontiguousarray(array).data.tobytes()
        return cls._png(_pillow().frombytes(mode, (shape[1], shape[0]), pixels))

    @classmethod
    def from_pil(cls, image: PILImage) -> Self:
        """Encode an image of Pillow as PNG, without loss: its pixels, palette and colour profile.

        It may have been changed since it was opened, so the file that it came from is not kept:
        for that, use :meth:`from_file`.

        Raises:
            SampleError: It has a mode that PNG can't hold.
            MissingExtra: Pillow is not installed.
        """
        if image.mode not in _LOSSLESS:
            raise SampleError(
                f"an image of mode {image.mode} can't be written as PNG without loss",
                hint='Convert it: image.convert("RGB").',
            )
        return cls._png(image)

    @classmethod
    def of(cls, value: Any) -> Self:  # noqa: D102 - see Media
        if isinstance(value, np.ndarray):
            return cls.from_array(value)
        if hasattr(value, "getbands") and hasattr(value, "mode"):  # Pillow need not be loaded
            return cls.from_pil(value)
        return super().of(value)

    def size(self) -> tuple[int, int]:
        """Return width and height in pixels, from the header.

        Raises:
            SampleError: The file can't be decoded.
            MissingExtra: Pillow is not installed.
        """
        with decoding(self, "Pillow"):
            return self._open().size

    def pil(self, *, max_pixels: int = MAX_PIXELS) -> PILImage:
        """Decode the image, and return it as one of Pillow; of several frames, the first.

        Args:
            max_pixels: Most pixels (width times height) to decode.

        Raises:
            SampleError: The file can't be decoded, or has more pixels.
            MissingExtra: Pillow is not installed.
        """
        with decoding(self, "Pillow"):
            image = self._open()
            refuse_more(self, image.width * image.height, max_pixels, "max_pixels")
            image.load()
        return image

    def array(
        self,
        mode: Literal["L", "LA", "RGB", "RGBA"] | None = None,
        *,
        max_pixels: int = MAX_PIXELS,
    ) -> Pixels:
        """Decode the image to a new array of dtype uint8 and shape (height, width, channels).

        Pixels are as the file has them: an orientation in its EXIF data is not applied.

        Args:
            mode: Channels to convert to: grey, grey and alpha, RGB, RGBA. None for those of the
                file; palettes and other colour spaces become RGB, or RGBA if transparent.
            max_pixels: As in :meth:`pil`.

        Raises:
            SampleError: As :meth:`pil`; or more than 8 bits a channel, which uint8 can't hold.
            MissingExtra: Pillow is not installed.
        """
        image = self.pil(max_pixels=max_pixels)
        wanted = mode or _mode(image)
        with decoding(self, "Pillow"):
            image = image if image.mode == wanted else image.convert(wanted)
            return np.array(image).reshape(image.height, image.width, -1)

    def _open(self) -> PILImage:
        """Read the header. The opener is called directly: ``open`` has a bound of its own."""
        pillow = _pillow()
        pillow.init()
        name = _FORMATS.get(self.media_type)
        if name not in pillow.OPEN:
            raise SampleError(
                f"{self!r} can't be decoded: Pillow has no decoder for it",
                hint="Import a plug-in for the format, such as pillow_heif.",
            )
        opener, _ = pillow.OPEN[name]
        image: PILImage = opener(BytesIO(self._data), "")
        return image

    @classmethod
    def _png(cls, image: PILImage) -> Self:
        file = BytesIO()
        # Pillow's defaults may change, so they are written down.
        image.save(file, "PNG", optimize=False, compress_level=6)
        return cls(file.getvalue())

    def _repr_png_(self) -> bytes | None:
        return self._shown("image/png")

    def _repr_jpeg_(self) -> bytes | None:
        return self._shown("image/jpeg")

    def _shown(self, media_type: str) -> bytes | None:
        return self._data if len(self) <= _SHOWN and self.media_type == media_type else None


def _mode(image: PILImage) -> str:
    """Return the mode of eight bits a channel that holds the image."""
    if image.mode in _EIGHT_BITS:
        return image.mode
    if image.mode == "P":
        return "RGBA" if "transparency" in image.info else "RGB"
    if image.mode not in _CONVERTED:
        raise SampleError(
            f"an image of mode {image.mode} has more than 8 bits a channel",
            hint="Use pil(), which keeps them; or pass a mode to convert to, such as 'L'.",
        )
    return _CONVERTED[image.mode]


def _pillow() -> Any:
    return require("PIL.Image", extra="images")
