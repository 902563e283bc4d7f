"""Unauthenticated reads of bounded size, also from untrusted addresses."""

from __future__ import annotations

import json
import threading
import weakref
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from atdata.base.extras import require
from atdata.base.forks import forget_after_fork
from atdata.errors import AtdataError, NetworkError, XrpcError
from atdata.storage.http import http_client
from atdata.storage.offline import refuse_offline
from atdata.storage.pace import Patience

if TYPE_CHECKING:
    import httpx

    from atdata.storage.guard import Watch

_MAX_JSON = 16 * 2**20  # bytes: a page of 100 records of the largest size is far below it
_SECONDS = 300.0  # for one whole answer of that size, with its redirects
_RATE = 64 * 2**10  # bytes a second that larger ones have to reach


class Reader:
    """GET requests.

    Args:
        untrusted: The addresses come from the network: private ones are refused.
        watch: Bounds the time of every step, in addition to the least rate.
    """

    def __init__(self, *, untrusted: bool, watch: Watch | None = None) -> None:
        self._is_untrusted = untrusted
        self._watch = watch
        self.forget()
        forget_after_fork(self)

    def forget(self) -> None:
        """Drop the connections and the lock after a fork, in the child: they are the parent's."""
        self._client: httpx.Client | None = None
        self._lock = threading.Lock()

    def get(
        self, url: str, params: Mapping[str, str | int] | None = None, *, max_bytes: int = _MAX_JSON
    ) -> bytes:
        """Return the body of one answer, which must not be compressed.

        Raises:
            AddressRefused: The address is private and not allowed.
            XrpcError: The server answered with an error.
            NetworkError: It could not be reached, sent more than ``max_bytes``, took longer than
                five minutes (or longer than those bytes take at 64 KiB a second), or the user is
                offline.
        """
        refuse_offline(url)
        httpx = require("httpx", extra="atmosphere")
        client = self._connected()
        patience = Patience(max(_SECONDS, max_bytes / _RATE))
        try:
            request = client.build_request("GET", url, params=params)
            with patience.waiting():
                answer = client.send(request, stream=True)
            with closing(answer):
                body = _bounded(answer, url, max_bytes, patience)
        except NetworkError as error:
            error.uri = error.uri or url
            raise
        except AtdataError:
            raise
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            # ValueError: names that no network takes, such as damaged punycode.
            raise NetworkError(f"no answer: {error or type(error).__name__}", uri=url) from error
        if answer.status_code != 200:
            raise _refusal(answer.status_code, body, url)
        return body

    def _connected(self) -> httpx.Client:
        with self._lock:
            if self._client is None:
                self._client = http_client(untrusted=self._is_untrusted, watch=self._watch)
                weakref.finalize(self, self._client.close)
            return self._client

    def get_json(self, url: str, params: Mapping[str, str | int] | None = None) -> dict[str, Any]:
        """Return the JSON object of one answer; errors as in ``get``."""
        body = self.get(url, params)
        try:
            value = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise NetworkError("the answer is not JSON", uri=url) from error
        if not isinstance(value, dict):
            raise NetworkError("the answer is not a JSON object", uri=url)
        return value


def _refusal(status: int, body: bytes, url: str) -> XrpcError:
    """Return the error that an answer with an error status stands for."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        answer = {}
    code, message = str(answer.get("error") or ""), str(answer.get("message") or "")
    return XrpcError.answer(status, code[:100], message[:500], uri=url)


def _bounded(answer: httpx.Response, url: str, max_bytes: int, patience: Patience) -> bytes:
    # A few compressed bytes may expand to gigabytes, so unrequested compression is not undone.
    if answer.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
        raise NetworkError("the server compresses its answer, and was asked not to", uri=url)
    body = bytearray()
    pieces = answer.iter_raw()
    while True:
        with patience.waiting():
            piece = next(pieces, None)
        if piece is None:
            break
        body += piece
        if len(body) > max_bytes:
            raise NetworkError(f"the answer is longer than {max_bytes:,} bytes", uri=url)
    return bytes(body)
