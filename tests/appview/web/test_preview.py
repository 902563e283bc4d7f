"""Samples of untrusted origin, decoded and drawn within bounds."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
import webdataset as wds
from hypothesis import given
from hypothesis.extra import numpy as arrays

import atdata
from atdata.appview.web.describing import fields_of, size_text
from atdata.appview.web.pictures import file_url, histogram, image_url, summary
from atdata.appview.web.preview import SAMPLES, ShownField, preview
from atdata.errors import ShardError
from atdata.samples.schema import canonical_text, schema_document
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema
from photos import Photo, photo_shard

from ..content import schema, shard


def decoded(url: str) -> np.ndarray[Any, Any]:
    """The pixels of a PNG, by a reader of our own: 8 bits, no filter."""
    data = base64.b64decode(url.removeprefix("data:image/png;base64,"))
    width, height, depth, color = struct.unpack(">IIBB", data[16:26])
    assert depth == 8
    channels = {0: 1, 2: 3, 6: 4}[color]
    (size,) = struct.unpack(">I", data[33:37])
    rows = np.frombuffer(zlib.decompress(data[41 : 41 + size]), np.uint8)
    return rows.reshape(height, 1 + width * channels)[:, 1:].reshape(height, width, channels)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_images_keep_their_pixels(channels: int) -> None:
    pixels = np.arange(6 * 5 * channels, dtype=np.uint8).reshape(6, 5, channels)
    url = image_url(pixels)
    assert url
    np.testing.assert_array_equal(decoded(url), pixels)
    first = image_url(np.moveaxis(pixels, 2, 0))
    assert first == (url if channels != 1 else first)


def test_numbers_are_stretched_from_black_to_white() -> None:
    url = image_url(np.linspace(-3.0, 5.0, 25).reshape(5, 5))
    assert url
    assert (decoded(url).min(), decoded(url).max()) == (0, 255)
    dark = image_url(np.full((5, 5), np.nan))
    assert dark
    assert decoded(dark).max() == 0


def test_large_images_are_thinned_out() -> None:
    url = image_url(np.zeros((3000, 100), np.uint8))
    assert url
    assert max(decoded(url).shape) <= 256


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(9),
        np.zeros((2, 9)),
        np.zeros((5, 5, 7)),
        np.array([["a"] * 5] * 5),
        np.zeros((5,) * 4),
    ],
)
def test_other_arrays_are_no_images(array: np.ndarray[Any, Any]) -> None:
    assert image_url(array) is None


@given(arrays.arrays(arrays.scalar_dtypes(), arrays.array_shapes(max_dims=4, max_side=9)))
def test_any_array_can_be_summed_up(array: np.ndarray[Any, Any]) -> None:
    with np.errstate(all="ignore"):
        assert str(array.shape[0]) in summary(array)
        for drawn in (image_url(array), histogram(array)):
            assert drawn is None or drawn.startswith(("data:image/png", "<svg"))


def test_files_of_images_are_shown_when_they_are_small() -> None:
    assert file_url(b"\xff\xd8\xff rest", 100) == "data:image/jpeg;base64,/9j/IHJlc3Q="
    assert file_url(b"\xff\xd8\xff rest", 3) is None
    assert file_url(b"<svg onload=alert(1)>", 100) is None


def shown(
    data: bytes, tmp_path: Path, value: dict[str, Any] | None = None
) -> list[list[ShownField]]:
    path = tmp_path / "shard.tar"
    path.write_bytes(data)
    record = SampleSchema.from_dict(value) if value else None
    with path.open("rb") as file:
        return preview(file, record)


def test_the_first_samples_are_shown_and_no_more(tmp_path: Path) -> None:
    samples = shown(shard(20), tmp_path)
    assert len(samples) == SAMPLES
    assert samples[1][0] == ShownField("number", "1")


def test_samples_of_another_writer_are_shown(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with wds.writer.TarWriter(buffer) as writer:
        for number in range(20):
            packed = msgpack.packb({"number": number})
            writer.write({"__key__": f"größe/{number}", "msgpack": packed})
    samples = shown(buffer.getvalue(), tmp_path)
    assert len(samples) == SAMPLES
    assert samples[1][0] == ShownField("number", "1")


def test_media_are_shown_as_files_are(tmp_path: Path) -> None:
    @atdata.packable
    class Photo:
        image: atdata.Image
        sound: atdata.Audio

    pixels = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    photo = Photo(atdata.Image.from_array(pixels), atdata.Audio.from_array(np.zeros(4, "f4"), 8000))
    atdata.write_shards([photo], tmp_path / "data")
    data = (tmp_path / "data" / "000000.tar").read_bytes()
    text = canonical_text(schema_document(Photo))
    ((image, sound),) = shown(data, tmp_path, schema("Photo", "1.0.0", text=text))
    assert image == ShownField("image", repr(photo.image), file_url(photo.image.bytes, 10_000))
    assert image.picture is not None
    assert sound == ShownField("sound", "Audio(audio/wav, 74 bytes)")


@pytest.mark.parametrize("typed", [True, False])
def test_samples_of_members_are_shown_with_their_images(tmp_path: Path, typed: bool) -> None:
    value = schema("Photo", "1.0.0", text=canonical_text(schema_document(Photo)))
    rows = shown(photo_shard(0, 3), tmp_path, value if typed else None)
    assert len(rows) == 3
    fields = {field.name: field for field in rows[1]}
    assert fields["cls"].text == "1"
    assert fields["json"].text == "{number: 1}"
    assert (fields["png"].picture or "").startswith("data:image/png;base64,")
    assert ("caption" in fields) is typed
    assert ("extra.bin" in fields) is not typed


def test_a_schema_that_can_not_be_used_leaves_the_samples_as_they_lie(tmp_path: Path) -> None:
    unusable = schema("S", "1.0.0", text='{"type": "object", "properties": 5}')
    assert shown(shard(1), tmp_path, unusable)[0][0] == ShownField("number", "0")
    assert fields_of(SampleSchema.from_dict(unusable)) is None


@pytest.mark.parametrize("data", [b"no tar" * 200, shard(1)[:700]])
def test_shards_that_are_not_sound(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ShardError):
        shown(data, tmp_path)


def test_what_is_long_is_cut(tmp_path: Path) -> None:
    import tarfile

    payload = msgpack.packb(
        {"text": "x" * 10_000, "list": list(range(1000)), "deep": {"a": {"b": ["c" * 999] * 99}}}
    )
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        member = tarfile.TarInfo("0.msgpack")
        member.size = len(payload)
        tar.addfile(member, io.BytesIO(payload))
    ((text, items, deep),) = shown(buffer.getvalue(), tmp_path)
    assert len(text.text) == 401
    assert items.text == "[0, 1, 2, 3, 4, 5, 6, 7, … (1,000 in all)]"
    assert len(deep.text) < 1000


def test_fields_are_described_in_words() -> None:
    text = (
        '{"properties":{"a":{"type":"array","items":{"type":"string"}},'
        '"b":{"x-atdata-type":"array","x-atdata-dtype":"uint8","x-atdata-shape":[null,3]},'
        '"c":{"anyOf":[{"type":"integer"},{"type":"null"}]},"d":true},'
        '"required":["b"],"type":"object","x-atdata-order":["b","a"]}'
    )
    fields = fields_of(SampleSchema.from_dict(schema("S", "1.0.0", text=text)))
    assert fields is not None
    assert [(field.name, field.kind, field.is_required) for field in fields] == [
        ("b", "array uint8 any x 3", True),
        ("a", "list of string", False),
        ("c", "integer or null", False),
        ("d", "any", False),
    ]


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1023, "1,023 bytes"), (1536, "1.5 KiB"), (2**62, "4,096.0 PiB")],
)
def test_sizes_for_people(size: int, text: str) -> None:
    assert size_text(size) == text
