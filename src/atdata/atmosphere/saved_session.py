"""The session that ``atdata login`` saves: in a file that only its owner can read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from atdata.base.disk import make_folder, write_file
from atdata.base.folders import config_folder
from atdata.base.locks import Busy, locked
from atdata.errors import AuthError, StorageError

_PATIENCE = 120  # seconds; a renewal is a request or two


@dataclass(frozen=True, slots=True)
class SavedSession:
    """The account that is logged in. Its ``repr`` shows no token.

    Attributes:
        did: The account.
        pds: Base URL of its server.
        session: The text that ``AtmosphereClient.export_session`` returned: a secret.
        asked: Base URL of the server that the user chose to log in to, if any.
    """

    did: str
    pds: str
    session: str = field(repr=False)
    asked: str | None = None

    def save(self) -> Path:
        """Write the file in one step. It is a new file: it keeps no earlier mode or link.

        Raises:
            StorageError: The file can't be written.
        """
        path = session_file()
        with _translated(path):
            make_folder(path.parent)
            write_file(path, json.dumps(asdict(self)).encode(), mode=0o600)
        return path

    @classmethod
    def find(cls) -> SavedSession | None:
        """Read the file; return None when there is none.

        Raises:
            AuthError: The file is damaged.
            StorageError: It can't be read.
        """
        path = session_file()
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(path, error) from error
        try:
            members = {name: _text(value) for name, value in json.loads(data).items()}
            return cls(**members)  # type: ignore[arg-type]  # what is missing is a TypeError
        except (ValueError, TypeError, AttributeError, RecursionError):
            # The cause would show the tokens.
            raise AuthError(
                f"the session file {path} is damaged", hint="Run: atdata login HANDLE"
            ) from None


def session_file() -> Path:
    """Return ``atdata/session.json`` in the user's configuration folder."""
    return config_folder() / "session.json"


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise TypeError("not text")


@contextmanager
def sole_writer() -> Iterator[None]:
    """Hold the session file's lock for a block: a refresh token can be used only once.

    Raises:
        StorageError: The lock can't be made, or another process does not release it.
    """
    path = session_file()
    with ExitStack() as held:
        with _translated(path):
            make_folder(path.parent)
            held.enter_context(locked(path.with_suffix(".lock"), timeout=_PATIENCE))
        yield


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except Busy as error:
        raise StorageError(
            "another process has held the session file for too long",
            uri=str(path),
            hint="Try again when it is done.",
        ) from error
    except OSError as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"the session file can't be used: {error.strerror or error}",
        uri=str(path),
        hint="Check the file and its folder, or set XDG_CONFIG_HOME to another one.",
    )
