"""One protocol of storage: objects are bytes under keys, in a folder, a bucket or on a server.

A :class:`Place` is read from; an :class:`ObjectStore` is written to as well. An object is complete
or absent, and one that was created is never silently replaced. That is all that stores,
publication and the catalog need to be atomic. (The split is that of zarr's ``abc/store.py``.)
"""

from __future__ import annotations

import errno
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, ClassVar

from atdata.base.scratch import temporary_folder
from atdata.errors import AtdataError, StorageError
from atdata.storage.resume import Opened, OpenRange, open_resuming

MISSING = "SHARD_MISSING"
"""The code of errors for objects that are not there."""
ABSENT = ""
"""Stands for the tag of an object that is not there."""
Content = bytes | Path
"""Bytes, or a file of :meth:`ObjectStore.workspace`, which may be moved away."""


@dataclass(frozen=True, slots=True)
class Stat:
    """An object's size and state.

    Attributes:
        key: Its key: a relative path with slashes.
        size: Its length in bytes.
        age: Seconds since it was written, by the clock of the place.
        tag: Identifies this state of the object.
        sha256: Digest in hex, as its writer declared it; None if it did not.
        md5: Digest in base64, as the server computed it; None if it reports none.
    """

    key: str
    size: int
    age: float
    tag: str
    sha256: str | None = None
    md5: str | None = None


class Place(ABC):
    """Where objects are read from. Places are values, and can be pickled.

    Methods raise StorageError when there is no such object (code ``SHARD_MISSING``) or it may not
    be read, NetworkError when the server can't be reached; its ``transient`` is True if trying
    again may help, after ``retry_after`` seconds if that is not None.
    """

    @abstractmethod
    def url(self, key: str) -> str:
        """Return the path or URL of an object, as readers take it."""

    def open_range(
        self, key: str, *, start: int = 0, stop: int | None = None, tag: str | None = None
    ) -> Opened:
        """Open bytes ``start:stop`` of an object, by one request, without trying again.

        Args:
            key: The object's key.
            start: Offset of the first byte wanted.
            stop: Offset after the last byte wanted; None for the end of the object.
            tag: The state that the object must be in.
        """
        return self._open_range(key, start, stop, tag)

    @abstractmethod
    def _open_range(self, key: str, start: int, stop: int | None, tag: str | None) -> Opened:
        """Open a part of an object."""

    def open(self, key: str) -> IO[bytes]:
        """Return a stream of an object, which resumes when the connection breaks."""
        return open_resuming(partial(self.open_range, key), self.url(key))


@dataclass(frozen=True)
class Urls(Place):
    """Files whose keys are their URLs.

    Attributes:
        untrusted: The URLs come from the network: private addresses are refused.
    """

    untrusted: bool = False

    def url(self, key: str) -> str:
        """Return the URL, which is the key."""
        return key


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object, which any process can open.

    Attributes:
        place: Where it is.
        key: Its key there.
    """

    place: Place
    key: str

    @property
    def url(self) -> str:
        """Its URL."""
        return self.place.url(self.key)

    @property
    def ask(self) -> OpenRange:
        """Opens a part of it, by one request; ``open_range`` of its place."""
        return partial(self.place.open_range, self.key)

    def open(self) -> IO[bytes]:
        """Return a stream of it, from its start."""
        return self.place.open(self.key)


class ObjectStore(Place):
    """A place that objects are written to as well."""

    can_lock: ClassVar[bool] = False
    """Whether :meth:`lock` keeps other processes out."""

    @property
    @abstractmethod
    def location(self) -> str:
        """The folder or URL of all objects, for readers."""

    @abstractmethod
    def stat(self, key: str) -> Stat | None:
        """Return size and state of an object; None if there is none."""

    def create(self, key: str, content: Content, *, sha256: str | None = None) -> bool:
        """Write an object in one step, unless there is one.

        Args:
            key: The object's key.
            content: Its bytes; a large file is sent in parts.
            sha256: Their digest in hex, for places that keep it with the object.

        Returns:
            False if there is one by now, or another writer is about to make one.
        """
        return self._write(key, content, ABSENT, sha256)

    def replace(
        self, key: str, content: Content, *, tag: str | None = None, sha256: str | None = None
    ) -> bool:
        """Write an object in one step, in place of any that exists.

        Returns:
            False if a ``tag`` is given, and the object is in another state or gone.
        """
        return self._write(key, content, tag, sha256)

    @abstractmethod
    def _write(self, key: str, content: Content, state: str | None, sha256: str | None) -> bool:
        """Write an object if it is in a state: a tag, :data:`ABSENT`, or None for any."""

    @abstractmethod
    def find(self, prefix: str) -> Iterator[Stat]:
        """Yield the objects whose keys start with a prefix that ends in a slash, by key."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove an object; do nothing if there is none."""

    def read(self, key: str, limit: int) -> bytes | None:
        """Return at most ``limit + 1`` bytes of an object; None if there is none."""
        try:
            with self.open(key) as stream:
                return stream.read(limit + 1)
        except StorageError as error:
            if error.code == MISSING:
                return None
            raise

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """Return a local folder for files that are about to be stored."""
        with disk_errors("the temporary folder can't be used"), temporary_folder() as folder:
            yield folder

    def sweep(self) -> list[str]:
        """Remove workspaces of processes that were killed; return those in the place itself."""
        with self.workspace():  # which sweeps the temporary folder
            return []

    @contextmanager
    def lock(self, *, exclusive: bool) -> Iterator[None]:
        """Hold the place, for many at once or for one; places that can't lock hold nothing.

        Raises:
            EntryConflict: Another process holds it; the code is ``STORE_BUSY``.
        """
        yield


@contextmanager
def disk_errors(message: str, path: Path | None = None, hint: str | None = None) -> Iterator[None]:
    """Raise errors of the file system as StorageError, with the path and what to do next."""
    try:
        yield
    except AtdataError:
        raise
    except OSError as error:
        if hint is None and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            hint = "Make room, then run it again: what is complete stays."
        place = error.filename or path
        uri = None if place is None else str(place)
        raise StorageError(f"{message}: {error.strerror or error}", uri=uri, hint=hint) from error
