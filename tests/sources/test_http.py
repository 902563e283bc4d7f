from __future__ import annotations

import gzip

import pytest

from atdata.errors import NetworkError
from sources.web import Web, open_stream


def test_bytes_come_as_the_server_has_them(web: Web) -> None:
    content = gzip.compress(b"content")
    url = web.serve("/a.tar.gz", content, headers={"Content-Encoding": "gzip"})
    with open_stream(url) as stream:
        assert stream.read() == content
    assert web.seen[0][1]["accept-encoding"] == "identity"


def test_redirects_are_followed_but_not_for_ever(web: Web) -> None:
    web.serve("/b", b"there")
    with open_stream(web.serve("/a", status=307, headers={"Location": "/b"})) as stream:
        assert stream.read() == b"there"
    with pytest.raises(NetworkError, match="more than 5 redirects"):
        open_stream(web.serve("/loop", status=302, headers={"Location": "/loop"}))


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (401, "who asks"),
        (403, "expired"),
        (404, "check the URL"),
        (410, "taken away"),
        (429, "too many"),
        (500, ""),
    ],
)
def test_refusals_are_told_apart_and_show_no_secret(web: Web, status: int, hint: str) -> None:
    web.serve("/a?sig=secret", status=status)
    with pytest.raises(NetworkError, match=f"answered {status}") as caught:
        open_stream(web.url("/a?sig=secret"))
    assert hint in (caught.value.hint or "")
    assert "secret" not in str(caught.value)


def test_a_connection_cut_short_is_told(web: Web) -> None:
    url = web.serve("/a?sig=secret", b"x" * 1000, announced=2000)
    with open_stream(url) as stream, pytest.raises(NetworkError, match="broke") as caught:
        stream.read()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://", "http://[", "http://a b/", "http://\x00/"])
def test_urls_without_form_are_network_errors(url: str) -> None:
    with pytest.raises(NetworkError):
        open_stream(url)
