"""The account that a handle or DID names, and the server that holds its repository.

A handle is accepted only when both directions agree: the handle's domain names the DID, and
the DID's document names the handle. Records are read from the server in the DID's document.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from atdata.base.extras import require
from atdata.errors import AddressRefused, NetworkError, UrlError, XrpcError
from atdata.storage.urls import split_url
from atdata_records import formats

if TYPE_CHECKING:
    from atdata.atmosphere.xrpc import Reader

_PLC_DIRECTORY = "https://plc.directory"
_LOCALHOST = re.compile(r"localhost(?:%3[Aa]([0-9]{1,5}))?")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_DNS_SECONDS = 5.0
# Top-level domains that no public handle has: looking them up on the network is useless.
_RESERVED = ("test", "local", "localhost", "invalid", "example", "internal", "arpa", "onion", "alt")


@dataclass(frozen=True, slots=True)
class Identity:
    """An account of the network.

    Attributes:
        did: Its permanent identifier.
        pds: Base URL of the server that holds its repository.
        handle: Its handle, when it was looked up by handle and both directions agreed.
    """

    did: str
    pds: str
    handle: str | None = None


class Resolver:
    """Resolves handles and DIDs, each once.

    Args:
        reader: Makes requests to untrusted servers.
        trusted: Makes requests to ``pds``.
        pds: A server that the user chose; it is asked about handles that only it can know: those
            below its own name, and those below names that are not of the public network.
    """

    def __init__(self, reader: Reader, trusted: Reader, pds: str | None = None) -> None:
        self._reader = reader
        self._trusted = trusted
        self._pds = pds
        self._known: dict[str, Identity] = {}

    def resolve(self, actor: str) -> Identity:
        """Return the identity of a handle or DID.

        Raises:
            UrlError: The text is neither, or the two directions do not agree.
            NetworkError: The handle or DID can't be resolved.
        """
        actor = actor.removeprefix("@")
        if not formats.is_did(actor):
            actor = actor.lower()
        if actor not in self._known:
            found = self._known[actor] = self._look_up(actor)
            # What is read next names the account by its DID.
            self._known.setdefault(found.did, replace(found, handle=None))
        return self._known[actor]

    def look_up_again(self, did: str) -> Identity:
        """Return the current identity of a DID, with its handle when both directions agree.

        Raises:
            UrlError: The DID's document can't be used.
            NetworkError: It can't be fetched.
        """
        document = self._document(did)
        handle = next(iter(_handles(document)), None)
        try:
            agreed = handle is not None and self._did_of(handle) == did
        except NetworkError:
            agreed = False
        self._known[did] = Identity(did, _pds_of(document, did), handle if agreed else None)
        return self._known[did]

    def _look_up(self, actor: str) -> Identity:
        if formats.is_did(actor):
            return Identity(actor, _pds_of(self._document(actor), actor))
        if not formats.is_handle(actor):
            raise UrlError(f"{actor!r} is neither a handle nor a DID")
        did = self._did_of(actor)
        document = self._document(did)
        if f"at://{actor}" not in _strings(document.get("alsoKnownAs")):
            raise UrlError(
                f"the handle {actor} points to {did}, whose document does not name that handle",
                hint=f"Use its DID if you trust the account: {did}.",
            )
        return Identity(did, _pds_of(document, did), actor)

    def _did_of(self, handle: str) -> str:
        is_public = handle.rpartition(".")[2] not in _RESERVED
        ways = [self._from_dns, self._from_domain] if is_public else []
        if self._pds and (not is_public or _is_below(handle, self._pds)):
            ways.append(self._from_pds)
        for way in ways:
            if (did := way(handle)) and formats.is_did(did):
                return did
        raise NetworkError(
            f"the handle {handle} can't be resolved",
            hint="Check its spelling; for an account of your own server set ATDATA_PDS_URL.",
        )

    def _from_pds(self, handle: str) -> str | None:
        url = f"{self._pds}/xrpc/com.atproto.identity.resolveHandle"
        try:
            answer = self._trusted.get_json(url, {"handle": handle})
        except XrpcError:
            return None
        return str(answer.get("did"))

    def _from_dns(self, handle: str) -> str | None:
        resolver = require("dns.resolver", extra="atmosphere")
        dns = require("dns.exception", extra="atmosphere")
        try:
            answer = resolver.resolve(f"_atproto.{handle}", "TXT", lifetime=_DNS_SECONDS)
        except dns.DNSException:
            return None
        texts = (b"".join(record.strings).decode("utf-8", "replace") for record in answer)
        dids = {text.removeprefix("did=") for text in texts if text.startswith("did=")}
        return dids.pop() if len(dids) == 1 else None

    def _from_domain(self, handle: str) -> str | None:
        url = f"https://{handle}/.well-known/atproto-did"
        try:
            return self._reader.get(url, max_bytes=4096).decode("utf-8", "replace").strip()
        except (NetworkError, AddressRefused):
            return None

    def _document(self, did: str) -> dict[str, Any]:
        document = self._reader.get_json(_document_url(did))
        if document.get("id") != did:
            raise UrlError(f"the document of {did} is that of another DID")
        return document


def _is_below(handle: str, url: str) -> bool:
    return handle.endswith(f".{split_url(url).hostname or ''}")


def _document_url(did: str) -> str:
    if did.startswith("did:plc:"):
        directory = os.environ.get("ATDATA_PLC_URL") or _PLC_DIRECTORY
        return f"{directory.rstrip('/')}/{quote(did)}"
    if did.startswith("did:web:"):
        host = did.removeprefix("did:web:")
        # A colon would be a path, which AT Protocol DIDs do not have, except for localhost's port.
        if local := _LOCALHOST.fullmatch(host):
            port = f":{local[1]}" if local[1] else ""
            return f"http://localhost{port}/.well-known/did.json"
        if formats.is_handle(host):
            return f"https://{host}/.well-known/did.json"
    raise UrlError(f"{did} is neither did:plc nor did:web with a domain")


def _pds_of(document: dict[str, Any], did: str) -> str:
    services = document.get("service")
    for service in services if isinstance(services, list) else []:
        if not isinstance(service, dict) or service.get("type") != "AtprotoPersonalDataServer":
            continue
        if str(service.get("id", "")).removeprefix(did) == "#atproto_pds":
            return _origin(str(service.get("serviceEndpoint", "")), did)
    raise UrlError(f"the document of {did} names no personal data server")


def _origin(url: str, did: str) -> str:
    parts = split_url(url)
    secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    chosen = url.rstrip("/") == os.environ.get("ATDATA_PDS_URL", "").rstrip("/")
    if not parts.hostname or not (secure or chosen) or parts.path.strip("/") or "@" in parts.netloc:
        raise AddressRefused(f"the document of {did} names no https server but {url!r}")
    return f"{parts.scheme}://{parts.netloc}"


def _handles(document: dict[str, Any]) -> list[str]:
    names = (name.removeprefix("at://") for name in _strings(document.get("alsoKnownAs")))
    return [name for name in names if formats.is_handle(name)]


def _strings(value: Any) -> list[str]:
    items = value if isinstance(value, list) else []
    return [item.lower() for item in items if isinstance(item, str)]
