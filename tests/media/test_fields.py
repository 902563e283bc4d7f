"""Media as fields of samples: from the class to its bytes, its schema and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgpack
import numpy as np
import PIL.Image
import pytest

import atdata
from atdata.errors import SampleError, SchemaError
from atdata.samples.annotations import annotation_of, kind_of
from atdata.samples.class_text import class_text
from atdata.samples.codec import codec_of
from atdata.samples.kinds import MediaOf, Nullable
from atdata.samples.members import member_codec
from atdata.samples.schema import schema_document, type_from_document
from atdata.samples.stub_text import stub_text
from media.files import PIXELS, RATE, TONE, image_file, sound_file, video_file

JPEG, WAV, MP4 = image_file("JPEG"), sound_file("WAV"), video_file("mp4")


@atdata.packable
class Scene:
    photo: atdata.Image
    sound: atdata.Audio
    clip: atdata.Video
    thumbnail: Annotated[atdata.Image | None, "small", atdata.MediaType("image/png")] = None
    more: list[atdata.Image] | None = None


@atdata.packable
class Photo:
    image: atdata.Image
    label: int


def scene(**changes: Any) -> Scene:
    values = {"photo": atdata.Image(JPEG), "sound": atdata.Audio(WAV), "clip": atdata.Video(MP4)}
    return Scene(**{**values, **changes})


def test_the_wire_form_is_the_file_itself() -> None:
    packed = scene(more=[atdata.Image(JPEG)]).packed  # type: ignore[attr-defined]
    assert msgpack.unpackb(packed) == {
        "photo": JPEG,
        "sound": WAV,
        "clip": MP4,
        "thumbnail": None,
        "more": [JPEG],
    }


def test_samples_come_back_equal() -> None:
    one = scene(more=[atdata.Image(JPEG)])
    again = Scene.from_bytes(one.packed)  # type: ignore[attr-defined]
    assert again == one
    assert type(again.photo) is atdata.Image
    assert Scene.from_data({"photo": JPEG, "sound": atdata.Audio(WAV), "clip": MP4}) == scene()  # type: ignore[attr-defined]


def test_arrays_pictures_and_waveforms_are_encoded_when_written() -> None:
    sound = atdata.Audio.from_array(TONE, RATE).samples()
    one = scene(photo=PIXELS, sound=sound, thumbnail=PIL.Image.fromarray(PIXELS))
    again = Scene.from_bytes(one.packed)  # type: ignore[attr-defined]
    assert np.array_equal(again.photo.array(), PIXELS)
    assert again.thumbnail == again.photo
    assert np.array_equal(again.sound.samples().samples, TONE)
    assert scene(sound=(TONE, RATE)).packed == scene(sound=sound).packed  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("changes", "message", "hint"),
    [
        ({"photo": b"text"}, "Scene.photo: expected Image, got bytes of no known", "bytes"),
        ({"photo": WAV}, "Scene.photo: expected Image, got a file of type audio/wav", "bytes"),
        ({"photo": Path("a.png")}, "Scene.photo: expected Image", "Image.from_file(path)"),
        ({"photo": PIXELS / 255}, "dtype float64", "uint8"),
        ({"sound": TONE}, "Scene.sound: expected Audio, got ndarray", "rate"),
        ({"clip": PIXELS}, "Scene.clip: expected Video, got ndarray", "FFmpeg"),
        ({"thumbnail": JPEG}, "Image of type image/png, got image/jpeg", ""),
        ({"photo": None}, "expected Image, got NoneType", "Give a value"),
    ],
)
def test_what_is_not_such_a_file_is_not_written(
    changes: dict[str, Any], message: str, hint: str
) -> None:
    with pytest.raises(SampleError) as caught:
        scene(**changes).packed  # type: ignore[attr-defined]  # noqa: B018
    assert message in str(caught.value)
    assert hint in (caught.value.hint or "")


def test_reading_looks_at_no_file() -> None:
    packed = msgpack.packb({"image": b"text", "label": 1})
    photo = Photo.from_bytes(packed)  # type: ignore[attr-defined]
    assert photo.image.media_type == "application/octet-stream"
    with pytest.raises(SampleError, match=r"Photo\.image: expected bytes, got str"):
        Photo.from_bytes(msgpack.packb({"image": "text", "label": 1}))  # type: ignore[attr-defined]


def test_the_schema_names_family_and_media_type() -> None:
    properties = schema_document(Scene)["properties"]
    assert properties["photo"] == {"x-atdata-type": "image"}
    assert properties["sound"] == {"x-atdata-type": "audio"}
    assert properties["clip"] == {"x-atdata-type": "video"}
    png = {"x-atdata-type": "image", "contentMediaType": "image/png"}
    assert properties["thumbnail"]["anyOf"] == [png, {"type": "null"}]
    assert properties["thumbnail"]["description"] == "small"


def test_the_extension_of_a_member_does_not_fix_a_media_type() -> None:
    @atdata.packable
    class Loose:
        jpg: atdata.Image

    @atdata.packable
    class Fixed:
        jpg: Annotated[atdata.Image, atdata.MediaType("image/jpeg")]

    png = {"jpg": image_file("PNG")}
    assert schema_document(Loose)["properties"]["jpg"] == {"x-atdata-type": "image"}
    assert member_codec(Loose).decode(png).jpg.media_type == "image/png"
    with pytest.raises(SampleError, match="image/jpeg"):
        member_codec(Fixed).encode(Fixed(atdata.Image(png["jpg"])))


def test_a_class_from_the_schema_reads_the_same_samples() -> None:
    document = schema_document(Scene)
    decoded: Any = type_from_document(document)
    one = decoded.from_bytes(scene().packed)  # type: ignore[attr-defined]
    assert (one.photo, one.sound, one.clip) == (
        atdata.Image(JPEG),
        atdata.Audio(WAV),
        atdata.Video(MP4),
    )
    assert one.packed == scene().packed  # type: ignore[attr-defined]
    kinds = {field.name: field.kind for field in codec_of(decoded).fields}
    assert kinds == {field.name: field.kind for field in codec_of(Scene).fields}


@pytest.mark.parametrize("name", ["image", "image/png\n", "audio/wav", 3, "image/" + "x" * 200])
def test_a_media_type_that_cannot_be_is_refused(name: Any) -> None:
    document = schema_document(Photo)
    document["properties"]["image"]["contentMediaType"] = name
    with pytest.raises(SchemaError):
        type_from_document(document)


def test_annotations_and_kinds_are_inverse() -> None:
    for kind in (
        MediaOf(atdata.Video),
        MediaOf(atdata.Image, "image/png"),
        Nullable(MediaOf(atdata.Audio)),
    ):
        assert kind_of(annotation_of(kind)) == kind


@pytest.mark.parametrize(
    "annotation",
    [
        Annotated[atdata.Image, atdata.MediaType("audio/wav")],
        Annotated[str, atdata.MediaType("image/png")],
    ],
)
def test_media_types_belong_to_media_of_their_family(annotation: Any) -> None:
    with pytest.raises(SchemaError, match="can't have the media type"):
        kind_of(annotation)


def test_stubs_name_the_types() -> None:
    text = stub_text(Scene, "Scene")
    assert "from atdata import Audio, Image, PackableSample, Video\n" in text
    assert "    thumbnail: Image | None\n" in text


def test_the_source_of_a_class_names_the_media_type() -> None:
    @atdata.packable
    class Kept:
        image: Annotated[atdata.Image, "small", atdata.MediaType("image/png")]
        sound: atdata.Audio | None

    text = class_text(Kept)
    assert "    image: Annotated[Annotated[Image, MediaType('image/png')], 'small']\n" in text
    names: dict[str, Any] = {}
    exec(compile(text, "kept.py", "exec", dont_inherit=True), names)
    assert schema_document(names["Kept"]) == schema_document(Kept)


def test_shards_and_batches_hold_media(tmp_path: Path) -> None:
    photos = [Photo(atdata.Image.from_array(PIXELS[: n + 1]), n) for n in range(8)]
    atdata.write_shards(photos, tmp_path / "data")
    dataset = atdata.Dataset[Photo](tmp_path / "data")
    assert list(dataset) == photos
    (batch,) = dataset.ordered(batch_size=8)
    assert batch.image == [photo.image for photo in photos]


def test_files_of_one_size_are_read_as_a_column(tmp_path: Path) -> None:
    photos = [Photo(atdata.Image(JPEG), n) for n in range(100)]
    atdata.write_shards(photos, tmp_path / "data")
    (batch,) = atdata.Dataset[Photo](tmp_path / "data").ordered(batch_size=100)
    assert batch.image == [photo.image for photo in photos]
    assert list(batch) == photos


def test_samples_without_a_class_keep_the_bytes() -> None:
    sample = atdata.DictSample(image=atdata.Image(JPEG))
    assert atdata.DictSample.from_bytes(sample.packed).image == JPEG


def test_arrow_gets_the_bytes(tmp_path: Path) -> None:
    atdata.write_shards([Photo(atdata.Image(JPEG), 1)], tmp_path / "data")
    table = atdata.Dataset[Photo](tmp_path / "data").to_arrow()
    assert table.column("image").to_pylist() == [{"bytes": JPEG, "path": None}]
