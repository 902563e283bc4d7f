"""What images, sound and video have in common: the bytes of a file, and its media type."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from atdata.errors import AtdataError, MissingFile, SampleError, SchemaError, StorageError
from atdata.samples.media.sniffing import sniff

UNKNOWN = "application/octet-stream"

_TYPE = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,99}")


@dataclass(frozen=True, slots=True)
class MediaType:
    """The media type that all values of a field have: ``Annotated[Image, MediaType("image/png")]``.

    Raises:
        SchemaError: The text is not a media type in lower case, such as ``image/png``.
    """

    name: str

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _TYPE.fullmatch(self.name):
            raise SchemaError(
                f"{self.name!r:.80} is not a media type",
                hint="Write type and subtype in lower case, without parameters: image/png.",
            )


class Media:
    """The bytes of an image, sound or video file. Immutable, hashable, equal if the bytes are.

    Nothing is decoded, or even looked at, before it is asked for. Files of formats that are not
    known can be read from a dataset, but not written.

    Args:
        data: All bytes of the file.
    """

    __slots__ = ("_data",)

    family: ClassVar[str]
    """The first part of its media types: image, audio or video."""

    _data: bytes

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        if type(data) is not bytes:
            if not isinstance(data, bytes | bytearray | memoryview):
                raise SampleError(f"expected bytes of a file, got {type(data).__name__}")
            data = bytes(data)
        object.__setattr__(self, "_data", data)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Self:
        """Return the file's bytes, unchanged.

        Raises:
            MissingFile: There is no such file.
            StorageError: It can't be read.
            SampleError: It is not of a known format of this family.
        """
        try:
            with open(path, "rb") as file:
                media = cls(file.read())
        except FileNotFoundError:
            raise MissingFile("there is no such file", uri=str(path)) from None
        except OSError as error:
            raise StorageError(f"can't be read: {error.strerror}", uri=str(path)) from error
        try:
            media.check()
        except SampleError as error:
            raise SampleError(error.message, hint=error.hint, uri=str(path)) from None
        return media

    @classmethod
    def of(cls, value: Any) -> Self:
        """Return a value that a field of this kind accepts: this type, or the bytes of a file.

        Raises:
            SampleError: Another value, or one that can't be encoded.
        """
        if isinstance(value, cls):
            return value
        if isinstance(value, bytes | bytearray | memoryview):
            return cls(value)
        raise SampleError(
            f"expected {cls.__name__}, got {type(value).__name__}", hint=cls._hint(value)
        )

    def __len__(self) -> int:
        return len(self._data)

    # Before the property, whose name hides the type.
    def __bytes__(self) -> bytes:
        return self._data

    @property
    def bytes(self) -> bytes:
        """The file, as it is stored."""
        return self._data

    @property
    def media_type(self) -> str:
        """Such as ``image/png``, from the first bytes; ``application/octet-stream`` if unknown."""
        found = sniff(self._data)
        return UNKNOWN if found is None else self._own_type(found)

    def check(self, media_type: str | None = None) -> None:
        """Refuse a file that is not of this family, or not of this media type.

        Raises:
            SampleError: With the type that the file has.
        """
        found = self.media_type
        name = type(self).__name__
        if not found.startswith(f"{self.family}/"):
            what = f"a file of type {found}" if found != UNKNOWN else "bytes of no known format"
            raise SampleError(
                f"expected {name}, got {what}", hint="Annotate the field as `bytes` to keep them."
            )
        if media_type not in (None, found):
            raise SampleError(f"expected {name} of type {media_type}, got {found}")

    def __eq__(self, other: object) -> bool:
        return self._data == other._data if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash((type(self), self._data))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} can't be changed; make a new one")

    def __delattr__(self, name: str) -> None:
        self.__setattr__(name, None)

    def __reduce__(self) -> Any:
        return type(self), (self._data,)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.media_type}, {len(self._data):,} bytes)"

    @classmethod
    def _own_type(cls, found: str) -> str:
        """Return the media type of a container of either sound or video, for this family."""
        return found

    @classmethod
    def _hint(cls, value: Any) -> str | None:
        if isinstance(value, os.PathLike):
            return f"Read the file: {cls.__name__}.from_file(path)."
        return None


@contextmanager
def decoding(media: Media, library: str) -> Iterator[None]:
    """Turn whatever a library raises on a file into a SampleError.

    Decoders raise nearly anything on damaged files: OSError, SyntaxError, MemoryError, …
    """
    try:
        yield
    except AtdataError:
        raise
    except Exception as error:
        raise SampleError(
            f"{media!r} can't be decoded: {library}: {type(error).__name__}: {error}"
        ) from error


def refuse_more(media: Media, amount: int, most: int, parameter: str) -> None:
    """Refuse to decode a file to more than the bound, which the caller may raise.

    Raises:
        SampleError: With the parameter that raises the bound.
    """
    if amount > most:
        unit = parameter.removeprefix("max_")
        raise SampleError(
            f"{media!r} decodes to at least {amount:,} {unit}, more than {parameter}={most}",
            hint=f"Pass a larger {parameter} if you trust the data.",
        )
