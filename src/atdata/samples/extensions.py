"""Extensions of members: what they contain by convention, and ``Member`` to choose one.

The conventions are those of webdataset: the part after the last dot decides, in any case, so
``left.json`` contains JSON.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from atdata.errors import SampleError, SchemaError
from atdata.samples import media

_PICKLES = frozenset({"pickle", "pkl", "pt", "pth", "pyd"})
_COMPRESSED = re.compile(r"(?:\.(?:gz|bz2|xz|zst))+$")
_MAX_LENGTH = 80  # leaves room for a key in a tar header
# Index files of shards separate names by spaces; webdataset reserves names like __this__.
_EXTENSION = re.compile(r"(?!__)[^\s\x00-\x1f\x7f./\\]+(?:\.[^\s\x00-\x1f\x7f./\\]+)*")

JSON, TEXT, INTEGER = "json", "text", "integer"
NPY, NPZ, CBOR, MSGPACK = "npy", "npz", "cbor", "msgpack"
MEDIA: Final = tuple(media.MEDIA)

_CONTENTS: Final = {
    JSON: "json jsn",
    TEXT: "txt text transcript caption html htm md srt vtt",
    INTEGER: "cls cls2 class id index inx count",
    NPY: "npy",
    NPZ: "npz",
    CBOR: "cbor",
    MSGPACK: "msgpack mp msg",
    "image": "jpg jpeg jpe jfif png apng gif bmp webp tif tiff jp2 avif heic ppm pgm pbm pnm ico",
    "audio": "wav flac mp3 ogg oga opus m4a aac aif aiff au",
    "video": "mp4 m4v mov mkv webm avi mpg mpeg ogv",
}
_CONTENT_OF = {word: content for content, words in _CONTENTS.items() for word in words.split()}


@dataclass(frozen=True, slots=True)
class Member:
    """The member that holds a field: ``caption: Annotated[str, Member("txt")]``.

    Shards that keep each field as a member find it by its extension, which is the name of the
    field otherwise. Packed shards are not affected.

    Args:
        extension: What follows the key and a dot in the member's name, in lower case, such as
            ``"txt"`` or ``"left.png"``.

    Raises:
        SchemaError: It can't be the end of a member's name, or is that of pickles or of packed
            samples.
    """

    extension: str

    def __post_init__(self) -> None:
        check_extension(self.extension)


def check_extension(extension: Any) -> None:
    """Refuse what can't be the extension of a field's member.

    Raises:
        SchemaError: With the extension in it, quoted and cut.
    """
    if not isinstance(extension, str):
        raise SchemaError(f"the extension of a member is text, not {type(extension).__name__}")
    shown = f"{extension[:_MAX_LENGTH]!r}"
    check_content(extension)
    if extension != extension.lower():
        raise SchemaError(
            f"the extension {shown} is not in lower case",
            hint=f"Write it as Member({extension.lower()[:_MAX_LENGTH]!r}): readers ignore case.",
        )
    if len(extension.encode(errors="replace")) > _MAX_LENGTH:
        raise SchemaError(f"the extension {shown} is longer than {_MAX_LENGTH} bytes")
    if not (_EXTENSION.fullmatch(extension) and extension.isprintable()):
        raise SchemaError(
            f"{shown} can't be the extension of a member",
            hint='Write it without the first dot, slashes and spaces, as in Member("left.png").',
        )


def check_content(extension: str) -> None:
    """Refuse the extension of pickles, and that of packed samples.

    Raises:
        SchemaError: With a way to convert, or another extension.
    """
    if is_pickle(extension):
        error = pickle_error(extension)
        raise SchemaError(error.message, hint=error.hint)
    if extension.lower() == MSGPACK:
        raise SchemaError(
            f"{extension!r} is the member of a packed sample, not of a field",
            hint=f'Choose another, as in Annotated[T, Member("name.{MSGPACK}")].',
        )


def content_of(extension: str) -> str | None:
    """Return what members of an extension contain by convention; None if there is none."""
    return _CONTENT_OF.get(extension.rpartition(".")[2].lower())


def is_pickle(extension: str) -> bool:
    """Return whether stock readers unpickle such a field, which can run code.

    They ignore case and undo compression first: ``PKL`` and ``pyd.gz`` are pickles too.
    """
    plain = _COMPRESSED.sub("", extension.lower())
    return plain.rpartition(".")[2] in _PICKLES


def pickle_error(extension: str) -> SampleError:
    """Return the error for a pickle that was asked for."""
    return SampleError(
        f"{extension[:_MAX_LENGTH]!r} members are pickles, which run code when they are read",
        hint="If you trust their origin, convert them once with webdataset: write arrays as npy "
        "or npz members, other values as json or cbor.",
    )
