"""A record that names a bucket gets the user's credentials, and private servers, for none."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from atdata.errors import AddressRefused
from atdata.sources.registry import open_url

from .server import HostileServer, Reply

SHARD = b"content"


@pytest.fixture(params=["s3", "gs"])
def url(
    request: pytest.FixtureRequest, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> str:
    """An object on the user's own server, which the environment names, with credentials."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", hostile.url())
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "the-user")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", hostile.url())
    monkeypatch.delenv("ATDATA_ALLOW_PRIVATE", raising=False)
    return f"{request.param}://internal-{request.param}/backup.tar"


def signed(hostile: HostileServer) -> list[bool]:
    """Whether each request is signed; filled while the server is asked."""
    asked: list[bool] = []

    def answer(method: str, path: str, headers: Mapping[str, str]) -> Reply:
        asked.append("authorization" in headers)
        return Reply(SHARD, headers={"etag": '"1"'})

    hostile.answer = answer
    return asked


def test_a_private_server_is_not_asked(url: str, hostile: HostileServer) -> None:
    with pytest.raises(AddressRefused, match="ATDATA_BUCKETS"):
        open_url(url, untrusted=True)
    assert hostile.seen == []


def test_a_server_is_asked_without_credentials(
    url: str, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATDATA_ALLOW_PRIVATE", "1")
    asked = signed(hostile)
    with open_url(url, untrusted=True) as stream:
        assert stream.read() == SHARD
    assert asked == [False]


def test_a_bucket_that_the_user_has_named_is_read(
    url: str, hostile: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATDATA_BUCKETS", f"other, {url.split('/')[2]}")
    asked = signed(hostile)
    with open_url(url, untrusted=True) as stream:
        assert stream.read() == SHARD
    # Emulators of Google's service are asked without credentials by everybody.
    assert asked == [url.startswith("s3")]


def test_what_the_user_names_is_read(url: str, hostile: HostileServer) -> None:
    asked = signed(hostile)
    with open_url(url) as stream:
        assert stream.read() == SHARD
    assert asked == [url.startswith("s3")]
