"""A real IPFS gateway: Helia, the reference implementation in JavaScript, from npm; offline."""

from __future__ import annotations

import contextlib
import json
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .node import node_path, npm_install
from .process import telling

_FOLDER = Path(__file__).parent / "ipfs"
_BOUNDARY = "a-boundary-that-no-test-sends"


@dataclass(frozen=True)
class IpfsGateway:
    """A running gateway, and the RPC of Kubo that writes to it."""

    url: str
    api: str

    def add(self, content: bytes, **options: Any) -> str:
        """Put a file in and return its CID.

        Args:
            content: Its bytes.
            options: Those of Kubo's ``add``, such as ``chunker="size-1000"``; raw leaves and
                CIDv1 when nothing else is said.
        """
        return self.add_folder({"file": content}, wrap=False, **options)

    def add_folder(self, files: Mapping[str, bytes], *, wrap: bool = True, **options: Any) -> str:
        """Put files in and return the CID of the folder that holds them."""
        chosen = {"cid_version": 1, "raw_leaves": True, "wrap_with_directory": wrap, **options}
        lines = self._post("add", files, chosen).splitlines()
        return str(json.loads(lines[-1])["Hash"])

    def put_block(self, block: bytes, codec: str = "dag-pb") -> str:
        """Put in any block, whatever it holds, and return its CID (version 1)."""
        return str(json.loads(self._post("block/put", {"x": block}, {"cid_codec": codec}))["Key"])

    def block(self, cid: str) -> bytes:
        """The bytes of one block."""
        return self._post("block/get", {}, {"arg": cid})

    def _post(self, method: str, files: Mapping[str, bytes], options: Mapping[str, Any]) -> bytes:
        query = {
            name.replace("_", "-"): str(value).lower() if isinstance(value, bool) else value
            for name, value in options.items()
        }
        request = urllib.request.Request(
            f"{self.api}/api/v0/{method}?{urllib.parse.urlencode(query)}",
            data=b"".join(map(_part, files.items())) + f"--{_BOUNDARY}--\r\n".encode(),
            headers={"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return bytes(answer.read())


def _part(file: tuple[str, bytes]) -> bytes:
    name, content = file
    head = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    )
    return head.encode() + content + b"\r\n"


@contextlib.contextmanager
def ipfs_gateway() -> Iterator[IpfsGateway]:
    """Run the gateway, with nothing in it."""
    command = [str(node_path()), str(npm_install(_FOLDER) / "gateway.mjs")]
    with telling(command, name="ipfs") as started:
        yield IpfsGateway(started["gateway"], started["api"])
