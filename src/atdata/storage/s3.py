"""Objects in S3, or on another server with its protocol."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from atdata.base.extras import require
from atdata.base.redact import redacted
from atdata.base.streams import from_pieces
from atdata.errors import AtdataError, NetworkError, StorageError, UrlError
from atdata.storage.answers import byte_range, content_range, date, is_passing, refusal
from atdata.storage.buckets import Bucket, content_type
from atdata.storage.objects import ABSENT, MISSING, Content, Stat
from atdata.storage.resume import Opened
from atdata.storage.s3_upload import Upload, is_overtaken

_PIECE = 1 << 20
_LOST = (409, 412)  # another writer is first
_HINTS = {
    "403": "Check the credentials and what they may do, and the machine's clock as well.",
    "404": "Check the bucket's name and the key.",
    "AccessDenied": "Ask for more rights: the credentials may not do this, or may not list.",
    "BadDigest": "Try again: bytes were damaged on the way to the server.",
    "EntityTooLarge": "Write the dataset with a smaller maxsize=.",
    "ExpiredToken": "Get new credentials: the session token has expired.",
    "InvalidAccessKeyId": "Check AWS_ACCESS_KEY_ID.",
    "InvalidRange": "Start again: the object is shorter than it was.",
    "InvalidToken": "Check AWS_SESSION_TOKEN; it belongs to one access key.",
    "NoSuchBucket": "Check the bucket's name, and AWS_ENDPOINT_URL if it is not on AWS.",
    "NoSuchKey": "Check the key; the object may have moved.",
    "NoCredentialsError": "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use aws configure.",
    "PreconditionFailed": "Start again: the object was replaced while it was read.",
    "SignatureDoesNotMatch": "Check AWS_SECRET_ACCESS_KEY.",
    "SlowDown": "Try again later: the server asks for fewer requests.",
    "XMinioStorageFull": "Make room on the server, then run it again: what is complete stays.",
}
# Codes of transient errors; some servers send them with a non-retryable status.
_PASSING = frozenset(
    {
        "InternalError",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
    }
)


@dataclass(frozen=True, slots=True)
class S3Access:
    """How to reach an S3 server. For attributes that are None, boto3's own chain decides.

    Attributes:
        endpoint: URL of the server; None for AWS.
        access_key: Access key id.
        secret_key: Its secret.
        region: Region name.
        session_token: Session token of temporary credentials. Neither the keys nor the token are
            ever shown.
        anonymous: Sign no requests, even if there are credentials.
    """

    endpoint: str | None = None
    access_key: str | None = None
    secret_key: str | None = None
    region: str | None = None
    session_token: str | None = None
    anonymous: bool = False

    def __repr__(self) -> str:
        endpoint = redacted(self.endpoint) if self.endpoint else None
        return f"S3Access(endpoint={endpoint!r}, region={self.region!r})"

    @classmethod
    def from_environment(cls) -> S3Access:
        """Return the access that the environment configures; boto3 finds credentials by itself."""
        get = os.environ.get
        endpoint = get("AWS_ENDPOINT_URL_S3") or get("AWS_ENDPOINT_URL") or get("AWS_ENDPOINT")
        return cls(endpoint=endpoint, region=get("AWS_REGION") or get("AWS_DEFAULT_REGION"))

    def without_credentials(self) -> S3Access:
        """Return the same access, which signs no requests."""
        return replace(self, anonymous=True)

    @classmethod
    def from_credentials(cls, credentials: Mapping[str, str]) -> S3Access:
        """Make an access from credentials under their environment variables' names."""
        return cls(
            endpoint=credentials.get("AWS_ENDPOINT"),
            access_key=credentials.get("AWS_ACCESS_KEY_ID"),
            secret_key=credentials.get("AWS_SECRET_ACCESS_KEY"),
            region=credentials.get("AWS_REGION"),
            session_token=credentials.get("AWS_SESSION_TOKEN"),
        )

    def client(self) -> Any:
        """Return the boto3 client, cached per access and process. It tries a request three times.

        Raises:
            MissingExtra: boto3 is not installed.
            UrlError: The endpoint or region has no usable form.
        """
        try:
            return _client(self, os.getpid())
        except ValueError:
            raise UrlError(
                "boto3 can't use this endpoint or region",
                uri=self.endpoint and redacted(self.endpoint),
                hint="Write an endpoint as https://host:port, a region as us-east-1.",
            ) from None


@lru_cache(maxsize=32)
def _client(access: S3Access, pid: int) -> Any:
    # By process, because a client's connections must not be shared across a fork.
    unsigned = require("botocore", extra="s3").UNSIGNED if access.anonymous else None
    config = require("botocore.config", extra="s3").Config(
        signature_version=unsigned,
        connect_timeout=10,
        read_timeout=60,
        max_pool_connections=32,
        retries={"mode": "standard", "total_max_attempts": 3},
        # Servers other than AWS support neither buckets in host names nor newer checksums.
        s3={"addressing_style": "path" if access.endpoint else "auto"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return (
        require("boto3", extra="s3")
        .session.Session()
        .client(
            "s3",
            endpoint_url=access.endpoint,
            aws_access_key_id=access.access_key,
            aws_secret_access_key=access.secret_key,
            aws_session_token=access.session_token,
            region_name=access.region or ("us-east-1" if access.endpoint else None),
            config=config,
        )
    )


@dataclass(frozen=True)
class S3Bucket(Bucket):
    """Objects of a bucket below a prefix. Tags are ETags.

    On servers without conditional writes (MinIO before 2023), looking for an object and writing
    it are separate steps, so two writers at once may both write.
    """

    access: S3Access

    scheme = "s3"
    access_type = S3Access

    def _open_range(self, key: str, start: int, stop: int | None, tag: str | None) -> Opened:
        wanted = self._object(key)
        if part := byte_range(start, stop):
            wanted["Range"] = part
        if tag is not None:
            wanted["IfMatch"] = tag
        with s3_errors(self.url(key)):
            answer = _asked(self.client, wanted)
        body, sent = answer["Body"], content_range(answer.get("ContentRange", ""))
        first, _, size = sent or (0, 0, int(answer["ContentLength"]))
        stream = from_pieces(_pieces(body, self.url(key)), body.close)
        return Opened(stream, first, size, answer.get("ETag"), is_part=sent is not None)

    def stat(self, key: str) -> Stat | None:
        """See :class:`~atdata.storage.objects.ObjectStore`."""
        refused = require("botocore.exceptions", extra="s3").ClientError
        with s3_errors(self.url(key)):
            try:
                head = self.client.head_object(**self._object(key))
            except refused as error:
                if status_of(error) == 404:
                    return None
                raise
        size, age = head["ContentLength"], _age(head["LastModified"])
        return Stat(key, size, age, head["ETag"], head["Metadata"].get("sha256"))

    def find(self, prefix: str) -> Iterator[Stat]:
        """See :class:`~atdata.storage.objects.ObjectStore`."""
        with s3_errors(self.url(prefix)):
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.name, Prefix=self.prefix + prefix
            )
            for row in (row for page in pages for row in page.get("Contents", ())):
                key = row["Key"].removeprefix(self.prefix)
                yield Stat(key, row["Size"], _age(row["LastModified"]), row["ETag"])

    def delete(self, key: str) -> None:
        """See :class:`~atdata.storage.objects.ObjectStore`."""
        with s3_errors(self.url(key)):
            self.client.delete_object(**self._object(key))

    @property
    def client(self) -> Any:
        """The boto3 client; see :meth:`S3Access.client`."""
        return self.access.client()

    def _object(self, key: str) -> dict[str, Any]:
        return {"Bucket": self.name, "Key": self.prefix + key}

    def _write(self, key: str, content: Content, state: str | None, sha256: str | None) -> bool:
        options: dict[str, Any] = {"ContentType": content_type(key)}
        if sha256 is not None:
            options["Metadata"] = {"sha256": sha256}
        condition = {} if state is None else {"IfMatch": state} if state else {"IfNoneMatch": "*"}
        upload = Upload(self.client, self.name, self.prefix + key, options, condition)
        refused = require("botocore.exceptions", extra="s3").ClientError
        with s3_errors(self.url(key)):
            try:
                upload.send(content)
            except refused as error:
                if condition and status_of(error) == 501:  # the server can't check it itself
                    found = self.stat(key)
                    same = (found.tag if found else ABSENT) == state
                    return same and self._write(key, content, None, sha256)
                if is_overtaken(error):  # what was written at the same time came last
                    return state is None
                if condition and (status_of(error) in _LOST or code_of(error) == "NoSuchKey"):
                    return False
                raise
        return True


@contextmanager
def s3_errors(url: str) -> Iterator[None]:
    """Raise errors of boto3 as our own, without its texts, which may quote a signed request.

    Raises:
        NetworkError: The server can't be reached, broke off, or reports a transient error.
        StorageError: It refuses.
    """
    errors = require("botocore.exceptions", extra="s3")
    try:
        yield
    except errors.ClientError as error:
        raise _refusal(error, url) from None
    except (errors.ConnectionError, errors.HTTPClientError, errors.IncompleteReadError) as error:
        raise _unreachable(type(error).__name__, url) from None
    except errors.BotoCoreError as error:
        kind = type(error).__name__
        raise StorageError(f"S3 can't be used: {kind}", uri=url, hint=_HINTS.get(kind)) from None


def status_of(error: Any) -> int:
    """Return the HTTP status of a botocore ``ClientError``; 0 if it has none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def code_of(error: Any) -> str:
    """Return the code with which S3 refused, such as ``"NoSuchKey"``."""
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def _refusal(error: Any, url: str) -> AtdataError:
    code, status = code_of(error), status_of(error)
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    message, hint = f"S3 answers {code}", _HINTS.get(code)
    if code in _PASSING or is_passing(status):
        wait = headers.get("retry-after", "")
        return refusal(message, status, wait, uri=url, hint=hint or "Try again later.")
    if code == "RequestTimeTooSkewed":
        hint = f"Set this machine's clock{_lag(headers.get('date', ''))}."
    missing = MISSING if code in ("404", "NoSuchKey") else None
    return StorageError(message, uri=url, hint=hint, code=missing)


def _unreachable(kind: str, url: str) -> NetworkError:
    if kind in ("IncompleteReadError", "ResponseStreamingError", "ConnectionClosedError"):
        message, hint = f"the connection to the S3 server broke ({kind})", "Try again."
    else:
        message = f"the S3 server can't be reached ({kind})"
        hint = "Check AWS_ENDPOINT_URL, and that the server runs."
    return NetworkError.passing(message, uri=url, hint=hint)


def _lag(header: str) -> str:
    """Return how far this machine's clock is from the server's, as text for a hint."""
    server = date(header)
    seconds = (datetime.now(UTC) - server).total_seconds() if server else 0.0
    if abs(seconds) < 60:  # the request was signed on a machine with another clock
        return ""
    side = "ahead of" if seconds > 0 else "behind"
    return f": it is {abs(seconds) / 60:.0f} minutes {side} the server's"


def _asked(client: Any, wanted: dict[str, Any]) -> Mapping[str, Any]:
    refused = require("botocore.exceptions", extra="s3").ClientError
    try:
        return client.get_object(**wanted)  # type: ignore[no-any-return]
    except refused as error:
        # The start of an empty object is already past its end.
        if status_of(error) != 416 or not wanted["Range"].startswith("bytes=0-"):
            raise
    del wanted["Range"]
    return client.get_object(**wanted)  # type: ignore[no-any-return]


def _pieces(body: Any, url: str) -> Iterator[bytes]:
    with s3_errors(url):
        while piece := body.read(_PIECE):
            yield piece


def _age(modified: datetime) -> float:
    return (datetime.now(UTC) - modified).total_seconds()
