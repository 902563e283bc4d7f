"""A logged-in session on a personal data server, kept by the atproto SDK.

The SDK refreshes tokens and carries the requests. Record values pass through it as JSON text
only: its own models add members to them, which would change a record's CID.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from atdata.atmosphere.saved_session import SavedSession, sole_writer
from atdata.base.extras import require
from atdata.base.forks import forget_after_fork
from atdata.errors import AuthError, NetworkError, UrlError, XrpcError
from atdata.storage.offline import refuse_offline

if TYPE_CHECKING:
    import httpx

# Tokens that end within this many seconds are renewed. The SDK's own margin is a minute less.
_MARGIN = 16 * 60.0
LOGIN_HINT = "Check the handle, and make an app password in the account's settings (App Passwords)."
# Codes by which servers report that credentials or tokens are no longer valid.
_AUTH_CODES = frozenset({"ExpiredToken", "InvalidToken", "AuthMissing", "AuthenticationRequired"})


_Callback = Callable[[str], object]


class Session:
    """Authenticated procedures on one server, for all threads and on both sides of a fork.

    Its ``repr`` shows no token.
    """

    def __init__(self, pds: str | None) -> None:
        self._lock = threading.RLock()
        self._is_inherited = False
        self._is_saved = False
        self._callbacks: list[_Callback] = []
        self._sdk = self._connect(pds)
        forget_after_fork(self)

    @classmethod
    def create(cls, pds: str, identifier: str, password: str) -> Session:
        """Log in with a password.

        Raises:
            AuthError: The server refused the credentials.
            NetworkError: It could not be reached, or refused for another reason.
        """
        session = cls(pds)
        session._sdk.is_held = True
        try:
            with _translated(pds):
                # The profile would need an AppView, which a self-hosted server may not have.
                session._sdk.login(identifier, password, fetch_bsky_profile=False)
        except AuthError as error:
            error.hint = LOGIN_HINT
            raise
        return session

    @classmethod
    def restore(cls, exported: str, pds: str | None = None) -> Session:
        """Continue the session of an earlier ``export``. Make no request.

        Raises:
            AuthError: The text is not an exported session.
        """
        session = cls(pds)
        session._enter(exported)
        return session

    @classmethod
    def saved(cls, saved: SavedSession) -> Session:
        """Continue the saved session, and keep its file up to date. Make no request.

        Raises:
            AuthError: The file contains something that is not a session.
        """
        session = cls.restore(saved.session)
        session._is_saved = True
        return session

    def __repr__(self) -> str:
        return f"Session(handle={self.handle!r}, pds={self.pds!r})"

    @property
    def did(self) -> str:
        """DID of the account."""
        return str(self._described.did)

    @property
    def handle(self) -> str:
        """Handle of the account."""
        return str(self._described.handle)

    @property
    def pds(self) -> str:
        """Base URL of the server, without a trailing slash."""
        return str(self._described.pds_endpoint).rstrip("/").removesuffix("/xrpc")

    def export(self) -> str:
        """Return the session as text: a secret, as powerful as a password until it expires."""
        return str(self._sdk.export_session_string())

    def save(self, asked: str | None) -> Path:
        """Save the session, and keep its file up to date from now on; see ``SavedSession``."""
        with sole_writer():
            path = SavedSession(self.did, self.pds, self.export(), asked).save()
        self._is_saved = True
        return path

    def on_change(self, callback: _Callback) -> None:
        """Call ``callback`` with the exported session whenever its tokens are renewed."""
        self._callbacks.append(callback)

    def call(
        self,
        method: str,
        body: bytes | IO[bytes],
        *,
        content_type: str = "application/json",
    ) -> Mapping[str, Any]:
        """Call a procedure; return the JSON object of the answer.

        Raises:
            AuthError: The session is no longer valid.
            XrpcError: The server refused.
            NetworkError: It could not be reached.
        """
        with _translated(f"{self.pds}/xrpc/{method}"):
            answer = self._live().invoke_procedure(
                method, content=body, headers={"Content-Type": content_type}
            )
        return answer.content if isinstance(answer.content, dict) else {}

    def forget(self) -> None:
        """Drop the connections and the lock after a fork, in the child: they are the parent's."""
        self._lock = threading.RLock()
        self._is_inherited = True

    @property
    def _described(self) -> Any:
        """The session as the SDK describes it."""
        return require("atproto_client.client.session", extra="atmosphere").Session.decode(
            self.export()
        )

    def _connect(self, pds: str | None) -> Any:
        require("atproto_client", extra="atmosphere")
        from atdata.atmosphere.sdk import Connections, HeldClient

        connections = Connections(_refuse_redirect)
        weakref.finalize(self, connections.close)
        client = HeldClient(request=connections)
        client.update_base_url(pds)
        return client

    def _enter(self, exported: str) -> None:
        self._sdk.is_held = False  # it names the server that the user logged in to
        try:
            self._sdk.login(session_string=exported, fetch_bsky_profile=False)
        except (ValueError, TypeError):
            # The cause would show the tokens.
            raise AuthError("not an exported session", hint="Log in again.") from None
        self._sdk.is_held = True

    def _live(self) -> Any:
        """Return the SDK's client, with connections of this process, and valid tokens."""
        with self._lock:
            if self._is_inherited:
                exported = self.export()
                self._sdk = self._connect(None)
                self._enter(exported)
                self._is_inherited = False
            if self._ends_soon():
                self._renew()
            return self._sdk

    def _ends_soon(self) -> bool:
        ends = self._described.access_jwt_payload.exp
        return ends is not None and ends < time.time() + _MARGIN

    def _renew(self) -> None:
        before = self.export()
        if self._is_saved:
            self._renew_saved()
        else:
            self._refresh()
        if self.export() != before:
            for callback in self._callbacks:
                callback(self.export())

    def _renew_saved(self) -> None:
        """Renew unless another process has; update the file if it is still this account's."""
        with sole_writer():
            saved = SavedSession.find()
            is_ours = saved is not None and saved.did == self.did
            if saved is not None and is_ours:
                self._enter(saved.session)
            if not self._ends_soon():
                return
            self._refresh()
            if saved is not None and is_ours:
                replace(saved, session=self.export()).save()

    def _refresh(self) -> None:
        # Any query will do: before it, the SDK refreshes tokens that are about to end.
        self._sdk.invoke_query("com.atproto.server.getSession")


@contextmanager
def _translated(url: str) -> Iterator[None]:
    """Turn the SDK's errors into atdata's. Neither carries a token."""
    refuse_offline(url)
    errors = require("atproto_client.exceptions", extra="atmosphere")
    sdk_error = require("atproto_core.exceptions", extra="atmosphere").AtProtocolError
    httpx = require("httpx", extra="atmosphere")
    try:
        yield
    except errors.RequestErrorBase as error:
        if error.response is None:
            raise NetworkError.passing("no answer from the server", uri=url) from error
        raise _refused(error, url) from error
    except sdk_error:
        # Tokens that can't be read: the cause might contain them.
        raise AuthError("the session can't be used", uri=url, hint="Log in again.") from None
    except httpx.HTTPError as error:
        raise NetworkError.passing(f"no answer: {type(error).__name__}", uri=url) from error
    except (httpx.InvalidURL, UnicodeError) as error:
        hint = "Give one such as https://host."
        raise UrlError("not the URL of a server", uri=url, hint=hint) from error


def _refuse_redirect(answer: httpx.Response) -> None:
    if answer.has_redirect_location:
        raise NetworkError(
            f"the server answered {answer.status_code} and names another place, to which "
            "credentials are not sent",
            hint="Use the address of the server itself.",
        )


def _refused(error: Any, url: str) -> AuthError | XrpcError:
    status, content = error.response.status_code, error.response.content
    code = str(getattr(content, "error", "") or "")
    message = str(getattr(content, "message", "") or "")
    if status in (401, 403) or code in _AUTH_CODES:
        return AuthError(
            f"the server refused the credentials: {message or code or status}",
            uri=url,
            hint="Log in again, with an app password of this account.",
        )
    refusal = XrpcError.answer(status, code, message, uri=url)
    refusal.transient = status == 429 or status >= 500
    if status == 429:
        refusal.retry_after = wait = _pause(error)
        refusal.hint = f"Try again in {wait:.0f} s." if wait else "Try again later."
    return refusal


def _pause(error: Any) -> float | None:
    """Return the seconds that the server asks to wait for; None when that is not a number."""
    try:
        return float(error.retry_after)
    except (AttributeError, TypeError, ValueError, ArithmeticError):
        return None
