"""Shards in IPFS, through a node of the user's own."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from atdata.base.extras import require
from atdata.errors import DigestMismatch, NetworkError, StorageError, UrlError
from atdata.shards.info import ShardInfo
from atdata.storage.http import http_client
from atdata.storage.ipfs.cids import RAW, Cid
from atdata.storage.ipfs.files import DEEPEST, split_url
from atdata.storage.ipfs.gateway import find_gateway
from atdata.storage.ipfs.unixfs import LARGEST_BLOCK, Link, read_node
from atdata.storage.offline import refuse_offline
from atdata.storage.retry import attempts
from atdata.storage.urls import redacted
from atdata.stores.base import ShardStore
from atdata_records import cid as cids

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

VARIABLE = "IPFS_API"
_USUAL = "http://127.0.0.1:5001"
# The gateway for whole files: stock readers can't use the one that serves only blocks.
_PUBLIC = "https://ipfs.io"
_SETTINGS = {"cid-version": "1", "raw-leaves": "true", "pin": "true", "chunker": "size-1048576"}


class IPFSStore(ShardStore):
    """Shards that an IPFS node keeps and offers to others; their URLs are ``ipfs://{cid}``.

    The node adds and pins them. Its answer is checked: the blocks under the CID must be those of
    the shard. Shards are found by their bytes, so prefixes are validated but not stored.

    Args:
        api: URL of the node's RPC API, as in Kubo; by default that in ``IPFS_API``, else
            ``http://127.0.0.1:5001``.
    """

    def __init__(self, api: str | None = None) -> None:
        self.api = (api or os.environ.get(VARIABLE) or _USUAL).rstrip("/")

    def __repr__(self) -> str:
        return f"IPFSStore({redacted(self.api)!r})"

    def put(self, path: Path, key: str, info: ShardInfo) -> str:
        """Add one shard; one that is there stays as it is."""
        refuse_offline(self.api)
        for attempt in attempts():
            with attempt, path.open("rb") as file:
                answer = self._post("add", _SETTINGS, {"file": (Path(key).name, file)})
        found = Cid.parse(_hash(answer))
        with path.open("rb") as file:
            if not self._holds(found, file, info):
                raise DigestMismatch(
                    f"the node has stored other data than the shard: {found}",
                    shard=key,
                )
        return f"ipfs://{found}"

    def read_url(self, url: str) -> str:
        """Return the http URL of a gateway for one of the store's URLs.

        Raises:
            UrlError: Not a URL of IPFS.
        """
        if not url.startswith("ipfs://"):
            raise UrlError("not a URL of IPFS", uri=redacted(url))
        split_url(url)
        return f"{find_gateway(_PUBLIC)}/ipfs/{url.removeprefix('ipfs://')}"

    def _holds(self, root: Cid, file: IO[bytes], info: ShardInfo) -> bool:
        """Return whether the tree below a CID has the shard's bytes. Raw leaves are not fetched."""
        if root.codec == RAW:
            return root.digest == cids.digest(info.cid)
        todo = [(Link(root, size=info.size), 0)]
        while todo:
            link, depth = todo.pop()
            if link.cid.codec == RAW:
                if link.size > LARGEST_BLOCK or not link.cid.matches(file.read(link.size)):
                    return False
                continue
            block = self._post("block/get", {"arg": str(link.cid)})
            if depth > DEEPEST or not link.cid.matches(block):
                return False
            node = read_node(link.cid, block)
            if (node.kind, node.size) != ("file", link.size):
                return False
            if file.read(len(node.data)) != node.data:
                return False
            todo += [(part, depth + 1) for part in reversed(node.links) if part.size]
        return not file.read(1)

    def _post(
        self, method: str, options: Mapping[str, str], files: Mapping[str, Any] | None = None
    ) -> bytes:
        with self._errors(), http_client() as client:
            url = f"{self.api}/api/v0/{method}"
            answer = client.post(url, params=dict(options), files=files)
        if answer.status_code != 200:
            raise self._refusal(answer)
        return answer.content

    @contextmanager
    def _errors(self) -> Iterator[None]:
        httpx = require("httpx", extra="http")
        try:
            yield
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NetworkError.passing(
                f"the IPFS node can't be reached ({type(error).__name__})",
                uri=redacted(self.api),
                hint=f"Start it (ipfs daemon), or set {VARIABLE} to the URL of its API.",
            ) from None

    def _refusal(self, answer: httpx.Response) -> StorageError:
        try:
            message = str(answer.json()["Message"])[:300]
        except (ValueError, KeyError, TypeError):
            message = answer.reason_phrase
        return StorageError(
            f"the IPFS node answers {answer.status_code}: {message}", uri=redacted(self.api)
        )


def _hash(answer: bytes) -> str:
    try:
        return str(json.loads(answer.splitlines()[-1])["Hash"])
    except (ValueError, KeyError, TypeError, IndexError):
        raise StorageError("the IPFS node does not answer with a CID") from None
