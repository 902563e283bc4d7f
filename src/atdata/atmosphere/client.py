"""An account on the AT Protocol network: its session and what it writes."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import EllipsisType
from typing import IO, Any

from atdata.atmosphere.identity import Identity
from atdata.atmosphere.keys import AtUri
from atdata.atmosphere.repositories import Repositories
from atdata.atmosphere.saved_session import SavedSession
from atdata.atmosphere.session import LOGIN_HINT, Session
from atdata.errors import AuthError, NetworkError, RecordError, UrlError
from atdata_records import ValidationError, formats
from atdata_records.ac.foundation.dataset.record import Record
from atdata_records.ac.foundation.dataset.sample_schema import SampleSchema

_ENTRYWAY = "https://bsky.social"
_OURS = {kind.NSID: kind for kind in (Record, SampleSchema)}


class AtmosphereClient(Repositories):
    """A client of the AT Protocol network.

    Reading needs no login: records and blobs come from the server of the repository that
    holds them. Writing goes to the server of the account that is logged in: with ``login``, or
    otherwise with the session that ``atdata login`` has saved. Threads may share a client; after a
    fork, each process has connections of its own.

    Args:
        base_url: The personal data server to log in to. When None: ``ATDATA_PDS_URL``, or the
            server that the handle's identity names. A saved session of another one is not used.
    """

    def __init__(self, base_url: str | None = None) -> None:
        chosen = base_url or os.environ.get("ATDATA_PDS_URL")
        self._base_url = chosen.rstrip("/").removesuffix("/xrpc") if chosen else None
        self._session: Session | None = None
        self._may_use_saved = True
        super().__init__(self._base_url)

    def __repr__(self) -> str:
        who = f"handle={self._session.handle!r}" if self._session else "not logged in"
        return f"AtmosphereClient({who})"

    # -- session

    def login(
        self, handle: str, app_password: str | None = None, *, password: str | None = None
    ) -> None:
        """Log in.

        Args:
            handle: Handle or DID of the account.
            app_password: An app password, made in the account's settings.
            password: The same, by its earlier name.

        Raises:
            AuthError: The server refused the credentials.
            UrlError: This is not a handle.
            AddressRefused: The identity names a server on a private address.
            NetworkError: The server could not be reached.
        """
        self._may_use_saved = False
        secret = app_password or password
        if not isinstance(handle, str) or not isinstance(secret, str) or not (handle and secret):
            raise AuthError("the handle or the app password is empty", hint=LOGIN_HINT)
        handle = handle.removeprefix("@")
        session = Session.create(self._home_of(handle), handle, secret)
        self._enter(session, is_chosen=session.pds == self._base_url)

    def login_with_session(self, session: str) -> None:
        """Continue a session that ``export_session`` returned. Make no request.

        Raises:
            AuthError: The text is not an exported session.
        """
        self._may_use_saved = False
        self._enter(Session.restore(session), is_chosen=True)

    def save_session(self) -> Path:
        """Save the session as ``atdata login`` does: clients without a login use it from now on.

        The file can be read by its owner only; it stays up to date when tokens are renewed.

        Returns:
            The file.

        Raises:
            AuthError: Not logged in.
            StorageError: The file can't be written.
        """
        return self._active.save(self._base_url)

    def export_session(self) -> str:
        """Return the session as text, to be kept as secret as a password.

        Raises:
            AuthError: Not logged in.
        """
        return self._active.export()

    def on_session_change(self, callback: Callable[[str], object]) -> None:
        """Call ``callback`` with the exported session whenever its tokens are refreshed.

        It lets the caller keep a saved session usable.

        Args:
            callback: Called with what ``export_session`` returns at that time.

        Raises:
            AuthError: Not logged in.
        """
        self._active.on_change(callback)

    @property
    def is_authenticated(self) -> bool:
        """Whether there is a session."""
        try:
            return bool(self._active)
        except AuthError:
            return False

    @property
    def did(self) -> str:
        """DID of the account; ``AuthError`` when not logged in."""
        return (self._own or self._own_identity()).did

    @property
    def handle(self) -> str:
        """Handle of the account; ``AuthError`` when not logged in."""
        return self._active.handle

    @property
    def base_url(self) -> str | None:
        """Base URL of the account's server; before a login, of the one that was chosen, if any."""
        return self._session.pds if self._session else self._base_url

    @property
    def _active(self) -> Session:
        if self._session is None and self._may_use_saved:
            self._enter_saved()
        if self._session is None:
            raise AuthError(
                "not logged in",
                hint="Run `atdata login HANDLE`, or call client.login(handle, app_password).",
            )
        return self._session

    def _own_identity(self) -> Identity:
        session = self._active
        return Identity(session.did, session.pds, session.handle)

    def _enter_saved(self) -> None:
        saved = SavedSession.find()
        if saved is None:
            return
        if self._base_url not in (None, saved.pds, saved.asked):
            raise AuthError(
                f"the saved session is one of {saved.pds}, not of {self._base_url}",
                hint=f"Run: atdata login HANDLE --pds {self._base_url}",
            )
        self._enter(Session.saved(saved), is_chosen=True)

    def _enter(self, session: Session, *, is_chosen: bool) -> None:
        self._session = session
        self._own = Identity(session.did, session.pds, session.handle)
        if is_chosen:
            self._chosen.add(session.pds)

    def _home_of(self, handle: str) -> str:
        if self._base_url:
            return self._base_url
        if not formats.is_at_identifier(handle):
            if "@" not in handle:
                raise UrlError(
                    f"{handle!r:.120} is neither a handle nor a DID",
                    hint="Give a domain name, such as lab.example.org.",
                )
            return _ENTRYWAY  # an email address, which only the entryway can place
        try:
            home = self.resolve(handle)
        except NetworkError:
            return _ENTRYWAY
        # Only the network vouches for this server: before a password is sent to it, it is
        # reached once over a connection that goes to public addresses only.
        self._query(home.pds, "com.atproto.server.describeServer")
        return home.pds

    # -- writes

    def create_record(
        self, collection: str, record: Mapping[str, Any], *, rkey: str | None = None
    ) -> AtUri:
        """Write a new record.

        Args:
            collection: NSID of its type.
            record: Its value in JSON shape. ``$type`` is added when missing.
            rkey: Its key; the server makes one when None.

        Raises:
            RecordError: It is of one of our types and its lexicon refuses it.
            AuthError: Not logged in, or no longer.
            XrpcError: The server refused, for example because the key is taken (``InvalidSwap``).
            NetworkError: The server could not be reached.
        """
        if rkey is not None:
            # createRecord on a taken key fails without a distinct error.
            return self.put_record(collection, rkey, record, swap_record=None)
        return self._write("createRecord", {"collection": collection}, record)

    def put_record(
        self,
        collection: str,
        rkey: str,
        record: Mapping[str, Any],
        *,
        swap_record: str | EllipsisType | None = ...,
    ) -> AtUri:
        """Write a record under its key. Writing what is there already makes no commit.

        Args:
            collection: NSID of its type.
            rkey: Its key.
            record: Its value in JSON shape. ``$type`` is added when missing.
            swap_record: CID that the record must have now, or None when there must be none
                yet: otherwise the server refuses (``InvalidSwap``). Not checked when left out.

        Raises:
            RecordError, AuthError, XrpcError, NetworkError: As ``create_record``.
        """
        place: dict[str, Any] = {"collection": collection, "rkey": rkey}
        if swap_record is not ...:
            place["swapRecord"] = swap_record
        return self._write("putRecord", place, record)

    def delete_record(self, uri: str | AtUri, *, swap_record: str | None = None) -> None:
        """Delete a record of your repository; it is not an error when there is none.

        Args:
            uri: The record.
            swap_record: CID that it must have now; not checked when None.

        Raises:
            AuthError, XrpcError, NetworkError: As ``create_record``.
        """
        at = AtUri.parse(uri)
        body = {"repo": at.authority, "collection": at.collection, "rkey": at.rkey}
        if swap_record is not None:
            body["swapRecord"] = swap_record
        self._call("deleteRecord", body)

    def _write(self, method: str, place: dict[str, Any], record: Mapping[str, Any]) -> AtUri:
        value = {"$type": place["collection"], **record}
        if (kind := _OURS.get(place["collection"])) is not None:
            _check(kind, value)
        answer = self._call(method, {"repo": self.did, **place, "record": value})
        return AtUri.parse(str(answer.get("uri")))

    def _call(self, method: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        text = json.dumps(body, ensure_ascii=False, allow_nan=False)
        return self._active.call(f"com.atproto.repo.{method}", text.encode())

    # -- blobs

    def upload_blob(
        self, data: bytes | IO[bytes], mime_type: str = "application/octet-stream"
    ) -> dict[str, Any]:
        """Upload a blob. It can be read as soon as a record refers to it.

        Args:
            data: Its bytes, or an open binary file, which is streamed.
            mime_type: Its media type.

        Returns:
            The reference to put into a record: ``{"$type": "blob", "ref": …, "mimeType": …,
            "size": …}``.

        Raises:
            AuthError, XrpcError, NetworkError: As ``create_record``.
        """
        answer = self._active.call("com.atproto.repo.uploadBlob", data, content_type=mime_type)
        blob = answer.get("blob")
        if not isinstance(blob, dict):
            raise NetworkError("the server's answer lacks the blob", uri=self.base_url)
        return blob

    def blob_limit(self) -> int | None:
        """Return the size in bytes of the largest blob that the account's server takes.

        None when the server does not report it.
        """
        answer = self._query(self._active.pds, "com.atproto.server.describeServer")
        limit = answer.get("blobUploadLimit")
        return limit if isinstance(limit, int) else None


def _check(kind: type[Record | SampleSchema], value: dict[str, Any]) -> None:
    try:
        kind.from_dict(value)
    except ValidationError as error:
        raise RecordError(f"not a {kind.NSID}: {error}") from error
