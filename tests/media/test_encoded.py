from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

import atdata
from atdata.errors import MissingFile, SampleError, SchemaError, StorageError
from media.files import aac_file, image_file, sound_file, video_file

PNG = image_file("PNG")


def test_values_hold_the_bytes_unchanged() -> None:
    image = atdata.Image(PNG)
    assert image.bytes is PNG
    assert bytes(atdata.Image(memoryview(bytearray(PNG)))) == PNG
    assert len(image) == len(PNG)
    assert image.media_type == "image/png"


def test_values_are_equal_if_their_bytes_are() -> None:
    assert atdata.Image(PNG) == atdata.Image(bytearray(PNG))
    assert atdata.Image(PNG) != atdata.Image(PNG + b"\0")
    assert atdata.Image(PNG) != atdata.Audio(PNG)
    assert atdata.Image(PNG) != PNG
    assert len({atdata.Image(PNG), atdata.Image(bytearray(PNG)), atdata.Video(PNG)}) == 2


def test_values_cannot_be_changed() -> None:
    image = atdata.Image(PNG)
    with pytest.raises(AttributeError, match="can't be changed"):
        image._data = b""
    with pytest.raises(AttributeError, match="can't be changed"):
        del image._data


def test_copies_and_pickles_are_equal() -> None:
    image = atdata.Image(PNG)
    assert copy.copy(image) is image
    assert copy.deepcopy([image])[0] is image
    again = pickle.loads(pickle.dumps(image))
    assert (again, type(again)) == (image, atdata.Image)


def test_repr_is_short() -> None:
    assert repr(atdata.Image(PNG)) == f"Image(image/png, {len(PNG)} bytes)"
    assert repr(atdata.Video(b"?")) == "Video(application/octet-stream, 1 bytes)"


def test_only_bytes_are_taken() -> None:
    with pytest.raises(SampleError, match="expected bytes of a file, got str"):
        atdata.Image("photo.png")  # type: ignore[arg-type]


def test_a_container_is_sound_or_video_as_the_type_has_it() -> None:
    assert atdata.Audio(aac_file("mp4")).media_type == "audio/mp4"
    assert atdata.Audio(aac_file("matroska")).media_type == "audio/x-matroska"
    assert atdata.Video(video_file("mp4")).media_type == "video/mp4"


def test_check_refuses_other_families_and_media_types() -> None:
    atdata.Image(PNG).check("image/png")
    with pytest.raises(SampleError, match="expected Image of type image/jpeg, got image/png"):
        atdata.Image(PNG).check("image/jpeg")
    with pytest.raises(SampleError, match="expected Video, got a file of type image/png"):
        atdata.Video(PNG).check()
    with pytest.raises(SampleError, match="no known format") as caught:
        atdata.Audio(b"text").check()
    assert caught.value.hint == "Annotate the field as `bytes` to keep them."


def test_from_file_keeps_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "sound.ogg"
    path.write_bytes(sound_file("OGG"))
    assert atdata.Audio.from_file(path).bytes == path.read_bytes()


def test_from_file_names_the_file_that_does_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("text")
    with pytest.raises(SampleError, match=r"notes\.txt"):
        atdata.Image.from_file(path)
    with pytest.raises(MissingFile, match=r"none\.png"):
        atdata.Image.from_file(tmp_path / "none.png")
    with pytest.raises(StorageError):
        atdata.Image.from_file(tmp_path)


@pytest.mark.parametrize(
    "name", ["", "png", "image/", "image/png; q=1", "Image/PNG", "a/" + "b" * 101]
)
def test_media_types_have_one_form(name: str) -> None:
    with pytest.raises(SchemaError, match="is not a media type"):
        atdata.MediaType(name)
