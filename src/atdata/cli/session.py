"""The saved session: who is logged in, in a file that only its owner can read."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from atdata._folders import config_folder
from atdata.errors import AuthError

if TYPE_CHECKING:
    from atdata.atmosphere import AtmosphereClient

_HINT = "atdata login HANDLE"


def session_file() -> Path:
    """``atdata/session.json`` in the user's configuration folder."""
    return config_folder() / "session.json"


def save_session(client: AtmosphereClient) -> Path:
    """Write the client's session; the file is made with mode 0600."""
    return _write(client.base_url, client.export_session())


def _write(pds: str | None, session: str) -> Path:
    path = session_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"pds": pds, "session": session}, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    return path


def saved_client() -> AtmosphereClient:
    """A client with the saved session.

    Raises:
        AuthError: There is none, or the server does not accept it any more.
    """
    from atdata.atmosphere import AtmosphereClient

    path = session_file()
    if not path.exists():
        raise AuthError("nobody is logged in", hint=_HINT)
    try:
        saved = json.loads(path.read_text())
        client = AtmosphereClient(base_url=saved["pds"])
        session = saved["session"]
    except (ValueError, KeyError, TypeError) as error:
        raise AuthError(f"the session file {path} can't be read", hint=_HINT) from error
    client.login_with_session(session)
    # Refresh tokens are good for one use: the file must follow.
    client.on_session_change(lambda renewed: _write(client.base_url, renewed))
    return client
