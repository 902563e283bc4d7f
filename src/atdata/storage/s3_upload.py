"""Upload of one file as one S3 object: whole or not at all, and without overwriting."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from atdata.base.extras import require

# Parts are held in memory while they are sent. S3 takes 10,000 of them, of 5 MiB or more.
_PART = 8 << 20
_MAX_PARTS = 10_000
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Upload:
    """The destination of a file.

    Every request carries the MD5 of its bytes, so the server refuses bytes that were damaged on
    the way. (boto3's own transfers don't support conditional creation.)

    Attributes:
        client: The boto3 client.
        bucket: Name of the bucket.
        key: Key of the object.
        options: Content type and metadata, as boto3 takes them.
        condition: What must hold of the object, else the server answers 412; by default, that
            there is none.
    """

    client: Any
    bucket: str
    key: str
    options: dict[str, Any]
    condition: Mapping[str, str] = field(default_factory=lambda: {"IfNoneMatch": "*"})

    def send(self, content: bytes | Path) -> None:
        """Upload bytes or a file; a large file in several parts at once.

        Raises:
            botocore.exceptions.ClientError: The server refuses. Its parts are removed, if the
                server allows it.
        """
        if isinstance(content, Path) and (size := content.stat().st_size) > _PART:
            self._send_parts(content, size)
            return
        body = content.read_bytes() if isinstance(content, Path) else content
        self.client.put_object(
            **self._object, **self.options, **self.condition, Body=body, ContentMD5=_md5(body)
        )

    def _send_parts(self, path: Path, size: int) -> None:
        upload = self.client.create_multipart_upload(**self._object, **self.options)["UploadId"]
        try:
            parts = self._sent_parts(path, size, upload)
            self.client.complete_multipart_upload(
                **self._object,
                **self.condition,
                UploadId=upload,
                MultipartUpload={"Parts": parts},
            )
        except BaseException:
            # Parts of an upload that is never completed would stay stored, and billed, invisibly.
            errors = require("botocore.exceptions", extra="s3")
            with contextlib.suppress(errors.ClientError, errors.BotoCoreError):
                self.client.abort_multipart_upload(**self._object, UploadId=upload)
            raise
        self._abort_others()

    def _abort_others(self) -> None:
        """Abort other uploads of the key, such as those of killed processes: it has its object now.

        Keys contain the digest, so a writer that is still uploading finds the object that it
        wanted to write; see :func:`is_overtaken`.
        """
        errors = require("botocore.exceptions", extra="s3")
        with contextlib.suppress(errors.ClientError, errors.BotoCoreError):  # not allowed to look
            found = self.client.list_multipart_uploads(Bucket=self.bucket, Prefix=self.key)
            for upload in found.get("Uploads", ()):
                if upload["Key"] == self.key:
                    self.client.abort_multipart_upload(**self._object, UploadId=upload["UploadId"])

    def _sent_parts(self, path: Path, size: int, upload: str) -> list[dict[str, Any]]:
        length = part_length(size)
        with ThreadPoolExecutor(_AT_ONCE) as pool:

            def send(number: int) -> dict[str, Any]:
                with path.open("rb") as file:
                    file.seek((number - 1) * length)
                    body = file.read(length)
                answer = self.client.upload_part(
                    **self._object,
                    UploadId=upload,
                    PartNumber=number,
                    Body=body,
                    ContentMD5=_md5(body),
                )
                return {"PartNumber": number, "ETag": answer["ETag"]}

            try:
                return list(pool.map(send, range(1, -(-size // length) + 1)))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    @property
    def _object(self) -> dict[str, str]:
        return {"Bucket": self.bucket, "Key": self.key}


def is_overtaken(error: Any) -> bool:
    """Return whether an upload failed because another of the same key completed and aborted it."""
    return bool(error.response.get("Error", {}).get("Code") == "NoSuchUpload")


def part_length(size: int) -> int:
    """Return the bytes of each part but the last, for a file of this size."""
    return max(_PART, -(-size // _MAX_PARTS))


def _md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
