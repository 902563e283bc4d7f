"""How an S3 server is reached, and its errors as our own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

from atdata.base.extras import require
from atdata.errors import AtdataError, NetworkError, StorageError, UrlError
from atdata.storage.buckets import check_endpoint, is_named
from atdata.storage.http import retry_after
from atdata.storage.urls import redacted

_HINTS = {
    "403": "the credentials are wrong, or may not do this; check the machine's clock as well",
    "404": "check the bucket's name and the key",
    "AccessDenied": "the credentials may not do this, or a listing right is missing",
    "BadDigest": "bytes were damaged on the way to the server: try again",
    "EntityTooLarge": "write the dataset with a smaller maxsize=",
    "ExpiredToken": "the session token has expired: get new credentials",
    "InvalidAccessKeyId": "check AWS_ACCESS_KEY_ID",
    "InvalidRange": "the object is shorter than it was: start again",
    "InvalidToken": "check AWS_SESSION_TOKEN; it belongs to one access key",
    "NoSuchBucket": "check the bucket's name, and AWS_ENDPOINT_URL when it is not on AWS",
    "NoSuchKey": "check the key; the object may have moved",
    "NoCredentialsError": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use aws configure",
    "PreconditionFailed": "the object was replaced while it was read: start again",
    "SignatureDoesNotMatch": "check AWS_SECRET_ACCESS_KEY",
    "SlowDown": "the server asks for fewer requests: try again later",
    "XMinioStorageFull": "make room on the server, then run it again: shards that are there stay",
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
_PASSING_STATUS = frozenset({408, 429, 500, 502, 503, 504})


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
                hint="an endpoint is written as https://host:port, a region as us-east-1",
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


_known: dict[str, S3Access] = {}


def remember_bucket(bucket: str, access: S3Access) -> None:
    """Open ``s3://`` URLs of this bucket with this access from now on, in this process."""
    _known[bucket] = access


def remembered(bucket: str) -> S3Access | None:
    """Return how a bucket was reached before in this process; None if it was not."""
    return _known.get(bucket)


def access_for(bucket: str) -> S3Access:
    """Return how a bucket was reached before in this process, else the environment's access."""
    return remembered(bucket) or S3Access.from_environment()


def access_from_data(bucket: str, url: str) -> S3Access:
    """Return the access without credentials, for a bucket that data from the network names.

    A bucket that the user has named, in ``ATDATA_BUCKETS`` or by a store that this process has
    made, is reached as if the user had named the object.

    Raises:
        AddressRefused: The server that the environment names is private.
        NetworkError: Its name can't be resolved.
    """
    if remembered(bucket) or is_named(bucket):
        return access_for(bucket)
    access = S3Access.from_environment()
    check_endpoint(access.endpoint, url)
    return replace(access, anonymous=True)


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
        raise _refusal(error.response, url) from None
    except (errors.ConnectionError, errors.HTTPClientError, errors.IncompleteReadError) as error:
        raise _unreachable(type(error).__name__, url) from None
    except errors.BotoCoreError as error:
        kind = type(error).__name__
        raise StorageError(f"S3 can't be used: {kind}", uri=url, hint=_HINTS.get(kind)) from None


def status_of(error: Any) -> int:
    """Return the HTTP status of a botocore ``ClientError``; 0 if it has none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _refusal(answer: Mapping[str, Any], url: str) -> AtdataError:
    code = str(answer.get("Error", {}).get("Code", "unknown"))
    told = answer.get("ResponseMetadata", {})
    status, headers = told.get("HTTPStatusCode"), told.get("HTTPHeaders", {})
    hint = _HINTS.get(code)
    if code in _PASSING or status in _PASSING_STATUS:
        passing = NetworkError.passing(
            f"S3 answers {code}", uri=url, hint=hint or "try again later"
        )
        passing.status = status
        passing.retry_after = retry_after(headers.get("retry-after", ""))
        return passing
    if code == "RequestTimeTooSkewed":
        hint = f"set this machine's clock{_lag(headers.get('date'))}"
    return StorageError(f"S3 answers {code}", uri=url, hint=hint)


def _unreachable(kind: str, url: str) -> NetworkError:
    if kind in ("IncompleteReadError", "ResponseStreamingError", "ConnectionClosedError"):
        message, hint = f"the connection to the S3 server broke ({kind})", "try again"
    else:
        message = f"the S3 server can't be reached ({kind})"
        hint = "check AWS_ENDPOINT_URL and that the server runs"
    return NetworkError.passing(message, uri=url, hint=hint)


def _lag(date: str | None) -> str:
    """Return how far this machine's clock is from the server's, as text for a hint."""
    try:
        server = parsedate_to_datetime(date or "")
    except ValueError:
        return ""
    seconds = (datetime.now(UTC) - server).total_seconds()
    if abs(seconds) < 60:  # the request was signed on a machine with another clock
        return ""
    side = "ahead of" if seconds > 0 else "behind"
    return f": it is {abs(seconds) / 60:.0f} minutes {side} the server's"
