"""A logged-in session on a personal data server, kept by the atproto SDK.

The SDK refreshes tokens and carries the requests. Record values pass through it as JSON text
only: its own models add members to them, which would change a record's CID.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

from atdata._extras import require
from atdata.errors import AuthError, NetworkError, XrpcError
from atdata.sources.remote import refuse_offline

_SECONDS = 60.0  # the SDK's own five seconds are too few for a blob
# Codes by which servers say that credentials or tokens are no longer good.
_AUTH_CODES = frozenset({"ExpiredToken", "InvalidToken", "AuthMissing", "AuthenticationRequired"})


class Session:
    """Authenticated procedures on one server. Its ``repr`` shows no token."""

    def __init__(self, pds: str | None) -> None:
        sdk = require("atproto_client", extra="atmosphere")
        request = require("atproto_client.request", extra="atmosphere")
        connections = request.Request(timeout=_SECONDS)
        self._sdk = sdk.Client(pds, request=connections)
        weakref.finalize(self, connections.close)

    @classmethod
    def create(cls, pds: str, identifier: str, password: str) -> Session:
        """Log in with a password.

        Raises:
            AuthError: The server refused the credentials.
            NetworkError: It could not be reached, or refused for another reason.
        """
        session = cls(pds)
        with _translated(pds):
            # The profile would need an AppView, which a self-hosted server may not have.
            session._sdk.login(identifier, password, fetch_bsky_profile=False)
        return session

    @classmethod
    def restore(cls, exported: str, pds: str | None = None) -> Session:
        """Continue the session of an earlier ``export``. Makes no request.

        Raises:
            AuthError: The text is not an exported session.
        """
        session = cls(pds)
        try:
            session._sdk.login(session_string=exported, fetch_bsky_profile=False)
        except (ValueError, TypeError):
            # The cause would show the tokens.
            raise AuthError("not an exported session", hint="Log in again.") from None
        return session

    def __repr__(self) -> str:
        return f"Session(handle={self.handle!r}, pds={self.pds!r})"

    @property
    def did(self) -> str:
        """DID of the account."""
        return str(self._sdk._session.did)

    @property
    def handle(self) -> str:
        """Handle of the account."""
        return str(self._sdk._session.handle)

    @property
    def pds(self) -> str:
        """Base URL of the server, without a trailing slash."""
        return str(self._sdk._base_url).removesuffix("/xrpc")

    def export(self) -> str:
        """The session as text: a secret, as good as a password until it expires."""
        return str(self._sdk.export_session_string())

    def on_change(self, callback: Callable[[str], object]) -> None:
        """Call back with the exported session whenever its tokens are renewed."""
        self._sdk.on_session_change(lambda event, session: callback(session.export()))

    def call(
        self,
        method: str,
        body: bytes | IO[bytes],
        *,
        content_type: str = "application/json",
    ) -> Mapping[str, Any]:
        """Call a procedure; return the JSON object that it answers.

        Raises:
            AuthError: The session is no longer good.
            XrpcError: The server refused.
            NetworkError: It could not be reached.
        """
        with _translated(f"{self.pds}/xrpc/{method}"):
            answer = self._sdk.invoke_procedure(
                method, content=body, headers={"Content-Type": content_type}
            )
        return answer.content if isinstance(answer.content, dict) else {}


@contextmanager
def _translated(url: str) -> Iterator[None]:
    """Turn the SDK's errors into ours. They carry no token, and neither do ours."""
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
        # Tokens that can't be read: the cause might show them.
        raise AuthError("the session can't be used", uri=url, hint="Log in again.") from None
    except httpx.HTTPError as error:
        raise NetworkError.passing(f"no answer: {type(error).__name__}", uri=url) from error


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
        refusal.retry_after = wait = getattr(error, "retry_after", None)
        refusal.hint = f"Try again in {wait:.0f} s." if wait else "Try again later."
    return refusal
