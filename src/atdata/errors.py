"""Every error that atdata raises on purpose.

::

    AtdataError
    ├── MissingExtra            (ImportError)    an optional dependency is not installed
    ├── InstallConflict         (ImportError)    another project of the same import name is
    ├── SchemaError             (ValueError)     a sample type or schema document can't be used
    │   └── SchemaConflict                       the same name and version, other content
    ├── SchemaNotFound          (KeyError)
    │   └── MalformedReference  (ValueError)     a reference that no schema can have
    ├── SampleError             (ValueError)     bytes that are not a sample of the type
    ├── ShardError              (ValueError)     a file that is not a sound shard
    │   └── DigestMismatch                       bytes that do not match a digest or CID
    ├── RandomAccessError       (TypeError)      shards that can only be read from their start
    ├── ShardNotFound           (KeyError)       a source has no such shard
    ├── ManifestError           (ValueError)     a dataset.json that can't be used
    ├── EntryError              (ValueError)     an index entry can't be used as asked
    │   └── EntryConflict                        the name is already used for other data
    ├── EntryNotFound           (KeyError)
    │   └── SplitNotFound       (ValueError)     the dataset has no split of this name
    ├── RecordError             (ValueError)     a record that is not valid by its lexicon
    ├── UrlError                (ValueError)     a URL, path or name that can't be used
    │   └── AddressRefused                       one that data from the network may not name
    ├── StorageError            (OSError)        reading or writing failed
    │   ├── MissingFile         (FileNotFoundError)  there is no such file
    │   └── SampleTooLarge                       larger than a whole shard may be in a store
    ├── NetworkError            (OSError)        a server could not be reached, or refused
    │   └── XrpcError                            an AT Protocol server refused, with a reason
    └── AuthError               (PermissionError)

The builtin in brackets is a base class too, so code that does not know this tree
still catches the right thing.
"""

from __future__ import annotations

from typing import Any, Self

from atdata.base.redact import redacted, redacted_text
from atdata.base.text import one_line, safe_text

__all__ = [
    "AddressRefused",
    "AtdataError",
    "AuthError",
    "DigestMismatch",
    "EntryConflict",
    "EntryError",
    "EntryNotFound",
    "InstallConflict",
    "MalformedReference",
    "ManifestError",
    "MissingExtra",
    "MissingFile",
    "NetworkError",
    "RandomAccessError",
    "RecordError",
    "SampleError",
    "SampleTooLarge",
    "SchemaConflict",
    "SchemaError",
    "SchemaNotFound",
    "ShardError",
    "ShardNotFound",
    "SplitNotFound",
    "StorageError",
    "UrlError",
    "XrpcError",
]


class AtdataError(Exception):
    """Base of the tree: a message, the place it is about, and what to do next.

    Args:
        message: What is wrong, in one sentence.
        hint: What to do next, in one sentence.
        place: Where, by name: ``uri``, ``shard``, ``member``, ``offset`` (bytes from the
            start of the shard), ``path`` (inside a record or sample). Each becomes an
            attribute and a part of the text; one that is None is left out.
        code: A name for programs, such as ``"TAR_TRUNCATED"``; empty if callers need not
            distinguish the cause.

    Parts of an error come from other people's data and from URLs with secrets. So passwords and
    signatures are removed from the attributes, and control characters from the text.
    """

    code: str = ""
    hint: str | None
    uri: str | None
    shard: str | None
    member: str | None
    offset: int | None
    path: str | None

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        uri: str | None = None,
        shard: str | None = None,
        member: str | None = None,
        offset: int | None = None,
        path: str | None = None,
        code: str | None = None,
    ) -> None:
        message = redacted_text(message)
        super().__init__(message)
        if code is not None:
            self.code = code
        self.message = message
        self.hint = None if hint is None else redacted_text(hint)
        self.uri = None if uri is None else redacted(uri)
        self.shard = None if shard is None else redacted(shard)
        self.member = member
        self.offset = offset
        self.path = path

    def place(self) -> dict[str, Any]:
        """Return the known parts of the place, from the widest to the narrowest."""
        names = ("uri", "shard", "member", "offset", "path")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def __str__(self) -> str:
        # KeyError's own __str__ would print the repr of the message.
        where = ", ".join(f"{name} {value}" for name, value in self.place().items())
        # Lines after the first are indented, so that no part of a message looks like another one.
        message = safe_text(self.message).replace("\n", "\n    ")
        text = f"{message} ({one_line(where)})" if where else message
        return f"{text}\n  {safe_text(self.hint)}" if self.hint else text

    def __reduce__(self) -> tuple[Any, ...]:
        # Keyword-only places would be lost between worker processes otherwise.
        known = {"hint": self.hint, "code": self.code or None, **self.place()}
        return _rebuild, (type(self), self.message, known)


def _rebuild(kind: type[AtdataError], message: str, place: dict[str, Any]) -> AtdataError:
    return kind(message, **place)


class MissingExtra(AtdataError, ImportError):
    """An optional dependency is not installed; the hint names the extra that installs it."""


class InstallConflict(AtdataError, ImportError):
    """Another project of the same import name is installed too."""


class SchemaError(AtdataError, ValueError):
    """A sample type has no schema, or a schema document does not describe one."""


class SchemaConflict(SchemaError):
    """This name and version is published with other content. Versions are immutable."""


class SchemaNotFound(AtdataError, KeyError):
    """No schema under this reference."""


class MalformedReference(SchemaNotFound, ValueError):
    """A text that is not a reference of a schema at all."""


class SampleError(AtdataError, ValueError):
    """A value or payload that is not a sample of the type it is read or written as."""


class ShardError(AtdataError, ValueError):
    """A file that is not a sound WebDataset shard.

    ``resume`` is the offset from which a reader that collects all errors may continue; None when
    the start of the next member is unknown.
    """

    resume: int | None = None


class DigestMismatch(ShardError):
    """Bytes that do not match a digest or CID."""


class RandomAccessError(AtdataError, TypeError):
    """A length or a sample by number of shards that can only be read from their start."""


class ShardNotFound(AtdataError, KeyError):
    """A data source has no shard of this name."""


class ManifestError(AtdataError, ValueError):
    """An invalid ``dataset.json``."""


class EntryError(AtdataError, ValueError):
    """An index entry can't be used as asked; for example, it has no data URLs."""


class EntryConflict(EntryError):
    """The name is already used for other data."""


class EntryNotFound(AtdataError, KeyError):
    """No dataset under this name or reference."""


class SplitNotFound(EntryNotFound, ValueError):
    """A dataset has no split of this name."""


class RecordError(AtdataError, ValueError):
    """A record that is not valid by its lexicon."""


class UrlError(AtdataError, ValueError):
    """A URL, path or name that has the wrong form or an unknown scheme."""


class AddressRefused(UrlError):
    """A local file or private address, named by data that came from the network."""


class StorageError(AtdataError, OSError):
    """A store could not be read or written."""


class MissingFile(StorageError, FileNotFoundError):
    """There is no file or folder of this name."""


class SampleTooLarge(StorageError):
    """One sample is larger than a whole shard may be in a store."""


class NetworkError(AtdataError, OSError):
    """A server could not be reached, or refused the request.

    ``status`` is the HTTP status, None when there was no answer. ``transient`` is whether the
    same request may succeed later, ``retry_after`` the seconds to wait, if the server sent them.
    """

    status: int | None = None
    transient: bool = False
    retry_after: float | None = None

    @classmethod
    def passing(cls, message: str, **place: Any) -> Self:
        """Return a transient error: the same request may succeed later."""
        error = cls(message, **place)
        error.transient = True
        return error

    def __reduce__(self) -> tuple[Any, ...]:
        names = ("status", "transient", "retry_after")
        return (*super().__reduce__(), {name: getattr(self, name) for name in names})


class XrpcError(NetworkError):
    """An AT Protocol server refused a request.

    ``code`` is the name that the server gave to the error, such as ``"RecordNotFound"`` or
    ``"InvalidSwap"`` (empty when it gave none).
    """

    status: int = 0

    @classmethod
    def answer(cls, status: int, code: str, message: str, *, uri: str) -> Self:
        """Return the error for one answer of a server."""
        reason = f": {message}" if message else ""
        error = cls(f"the server answered {status} {code}".rstrip() + reason, uri=uri)
        error.status, error.code = status, code
        return error


class AuthError(AtdataError, PermissionError):
    """Not logged in, or the credentials were refused."""
