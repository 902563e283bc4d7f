"""How S3 servers are reached, and what their refusals become."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from atdata.errors import NetworkError, StorageError, UrlError
from atdata.storage.buckets import find_bucket, remember
from atdata.storage.s3 import S3Access, S3Bucket, s3_errors
from servers.proxy import proxy_to
from servers.refusing import Refusal, Refusing, refusing_proxy
from servers.s3 import S3Server


@pytest.fixture
def access(s3_server: S3Server) -> S3Access:
    return S3Access.from_credentials(s3_server.credentials)


@pytest.fixture
def refusing(s3_server: S3Server) -> Iterator[Refusing]:
    with refusing_proxy(s3_server.endpoint) as proxy:
        yield proxy


def get(access: S3Access, bucket: str, key: str) -> bytes:
    with s3_errors(f"s3://{bucket}/{key}"):
        return access.client().get_object(Bucket=bucket, Key=key)["Body"].read()  # type: ignore[no-any-return]


def put(access: S3Access, bucket: str, key: str, content: bytes = b"content") -> None:
    with s3_errors(f"s3://{bucket}/{key}"):
        access.client().put_object(Bucket=bucket, Key=key, Body=content)


class TestAccess:
    def test_credentials_go_by_their_names_in_the_environment(self) -> None:
        given = {
            "AWS_ENDPOINT": "http://h",
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "r",
            "AWS_SESSION_TOKEN": "token",
        }
        assert S3Access.from_credentials(given) == S3Access(
            "http://h", "id", "secret", "r", "token"
        )
        assert S3Access.from_credentials({}) == S3Access()

    def test_no_secret_is_shown(self) -> None:
        access = S3Access("http://user:word@h", "the-id", "the-secret", "r", "the-token")
        assert repr(access) == str(access) == "S3Access(endpoint='http://h', region='r')"

    def test_a_session_token_goes_with_each_request(self) -> None:
        client = S3Access("http://h", "id", "secret", session_token="the-token").client()
        signed = client.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
        assert "the-token" in signed

    def test_a_bucket_is_remembered(self, access: S3Access) -> None:
        assert find_bucket(S3Bucket, "remembered-by-a-test").access == S3Access()
        remember(S3Bucket("remembered-by-a-test", access))
        assert find_bucket(S3Bucket, "remembered-by-a-test").access == access

    def test_a_client_is_made_once(self) -> None:
        one, other = S3Access("http://h:1", "a", "b"), S3Access("http://h:1", "a", "b")
        assert one.client() is other.client()
        assert one.client() is not S3Access("http://h:2", "a", "b").client()

    @pytest.mark.parametrize("access", [S3Access("not a url"), S3Access("http://h", region="a b")])
    def test_an_endpoint_or_region_without_form(self, access: S3Access) -> None:
        with pytest.raises(UrlError, match="endpoint or region"):
            access.client()


class TestRefusals:
    @pytest.mark.parametrize(
        ("key", "changes", "message"),
        [
            ("none", {}, "NoSuchKey"),
            ("k", {"AWS_SECRET_ACCESS_KEY": "wrong-secret"}, "SignatureDoesNotMatch"),
            ("k", {"AWS_ACCESS_KEY_ID": "wrong-id"}, "InvalidAccessKeyId"),
            ("k", {"AWS_SESSION_TOKEN": "wrong-token"}, "InvalidAccessKeyId|InvalidToken"),
        ],
    )
    def test_refusals_are_distinguished_without_secrets(
        self, s3_server: S3Server, s3_bucket: str, key: str, changes: dict[str, str], message: str
    ) -> None:
        put(S3Access.from_credentials(s3_server.credentials), s3_bucket, "k")
        given = s3_server.credentials | changes
        with pytest.raises(StorageError, match=message) as caught:
            get(S3Access.from_credentials(given), s3_bucket, key)
        assert caught.value.hint
        assert caught.value.uri == f"s3://{s3_bucket}/{key}"
        for secret in ("wrong-secret", "wrong-token", s3_server.secret_key):
            assert secret not in str(caught.value)
        assert caught.value.__suppress_context__

    def test_a_bucket_that_is_not_there(self, access: S3Access) -> None:
        with pytest.raises(StorageError, match="NoSuchBucket") as caught:
            get(access, "no-such-bucket-here", "k")
        assert "AWS_ENDPOINT_URL" in str(caught.value.hint)

    def test_no_permission(self, s3_server: S3Server, access: S3Access, s3_bucket: str) -> None:
        reader = S3Access.from_credentials(s3_server.reader_credentials)
        put(access, s3_bucket, "k")
        assert get(reader, s3_bucket, "k") == b"content"
        with pytest.raises(StorageError, match="AccessDenied") as caught:
            put(reader, s3_bucket, "other")
        assert "may not" in str(caught.value.hint)

    def test_a_wrong_clock_is_named(
        self, access: S3Access, s3_bucket: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import botocore.auth

        # boto3 does not correct its clock by the server's, as some clients do.
        now = botocore.auth.get_current_datetime
        an_hour = timedelta(hours=1)
        monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: now() - an_hour)
        with pytest.raises(StorageError, match="RequestTimeTooSkewed") as caught:
            get(access, s3_bucket, "k")
        assert "Set this machine's clock" in str(caught.value.hint)

    @pytest.mark.parametrize(("hours", "word"), [(-1, "ahead of"), (1, "behind")])
    def test_how_wrong_the_clock_is(self, refusing: Refusing, hours: int, word: str) -> None:
        date = format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)
        refusing.next_answers(Refusal(403, "RequestTimeTooSkewed", {"Date": date}))
        with pytest.raises(StorageError) as caught:
            get(S3Access(refusing.url, "id", "secret"), "b", "k")
        assert f"clock: it is 60 minutes {word} the server's" in str(caught.value.hint)

    def test_no_credentials(
        self, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, s3_bucket: str
    ) -> None:
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        with pytest.raises(StorageError, match="NoCredentialsError") as caught:
            get(S3Access(s3_server.endpoint, region="nowhere"), s3_bucket, "k")
        assert "AWS_ACCESS_KEY_ID" in str(caught.value)

    def test_a_server_whose_disk_is_full(self, refusing: Refusing) -> None:
        refusing.next_answers(Refusal(507, "XMinioStorageFull"))
        with pytest.raises(StorageError, match="XMinioStorageFull") as caught:
            put(S3Access(refusing.url, "id", "secret"), "b", "k")
        assert "Make room" in str(caught.value.hint)


class TestPassingTrouble:
    def test_a_moment_of_slow_down_goes_by(
        self, s3_server: S3Server, s3_bucket: str, refusing: Refusing
    ) -> None:
        access = S3Access(refusing.url, s3_server.access_key, s3_server.secret_key)
        refusing.next_answers(Refusal(503, "SlowDown"))
        put(access, s3_bucket, "k")
        refusing.next_answers(Refusal(503, "SlowDown"), Refusal(500, "InternalError"))
        assert get(access, s3_bucket, "k") == b"content"
        assert len(refusing.asked) == 5

    @pytest.mark.parametrize(
        "refusal",
        [
            Refusal(503, "SlowDown", {"Retry-After": "7"}),
            Refusal(429, "TooManyRequests", {"Retry-After": "7"}),
            Refusal(400, "RequestTimeout", {"Retry-After": "7"}),
            Refusal(502, "BadGateway", {"Retry-After": "7"}),
        ],
    )
    def test_what_may_pass_says_so(self, refusing: Refusing, refusal: Refusal) -> None:
        refusing.refuse = lambda *request: refusal
        with pytest.raises(NetworkError, match=refusal.code) as caught:
            get(S3Access(refusing.url, "id", "secret"), "b", "k")
        error = pickle.loads(pickle.dumps(caught.value))
        assert (error.transient, error.status) == (True, refusal.status)
        assert error.retry_after == 7
        assert error.hint

    def test_a_server_that_is_not_there(self) -> None:
        with pytest.raises(NetworkError, match="can't be reached") as caught:
            get(S3Access("http://127.0.0.1:9", "id", "secret"), "b", "k")
        assert caught.value.transient

    def test_a_connection_that_breaks(
        self, s3_server: S3Server, access: S3Access, s3_bucket: str
    ) -> None:
        put(access, s3_bucket, "k", b"x" * 1_000_000)
        with proxy_to(s3_server.endpoint) as proxy:
            proxy.cut_after = [500_000]
            through = S3Access(proxy.url, s3_server.access_key, s3_server.secret_key)
            with pytest.raises(NetworkError, match="broke") as caught:
                get(through, s3_bucket, "k")
            assert caught.value.transient
            assert get(through, s3_bucket, "k") == b"x" * 1_000_000
