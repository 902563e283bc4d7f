from __future__ import annotations

import sys
from pathlib import Path

import pytest

from atdata.errors import AddressRefused, MissingExtra, NetworkError, StorageError, UrlError
from atdata.sources import open_url
from atdata.sources.registry import local_path
from servers.web import Web


def test_paths_and_file_urls_are_opened(tmp_path: Path) -> None:
    path = tmp_path / "with space.tar"
    path.write_bytes(b"content")
    quoted = str(path).replace(" ", "%20")
    for url in (str(path), f"file://{quoted}", f"file://localhost{quoted}", f"file:{quoted}"):
        with open_url(url) as stream:
            assert stream.read() == b"content"


def test_the_home_folder_may_be_written_as_a_tilde(isolated_home: Path) -> None:
    (isolated_home / "a.tar").write_bytes(b"x")
    with open_url("~/a.tar") as stream:
        assert stream.read() == b"x"


def test_http_is_opened(web: Web) -> None:
    with open_url(web.serve("/a.tar", b"content")) as stream:
        assert stream.read() == b"content"


def test_a_missing_file_raises(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        open_url(str(tmp_path / "none.tar"))


@pytest.mark.parametrize("url", ["file://host/x", "file:relative", "file://"])
def test_file_urls_name_absolute_paths_here(url: str) -> None:
    with pytest.raises(UrlError, match="absolute path on this machine"):
        local_path(url)


@pytest.mark.parametrize("untrusted", [False, True])
def test_pipes_never_run(tmp_path: Path, untrusted: bool) -> None:
    proof = tmp_path / "proof"
    for url in (f"pipe:touch {proof}", f"PIPE:touch {proof}", f"pipe://touch {proof}"):
        with pytest.raises((UrlError, StorageError)):
            open_url(url, untrusted=untrusted)
    assert not proof.exists()


def test_an_unknown_scheme_lists_the_known_ones() -> None:
    with pytest.raises(UrlError) as caught:
        open_url("gopher://host/x?secret=1")
    text = str(caught.value)
    for scheme in ("gopher", "file", "http", "https", "s3", "gs", "ipfs"):
        assert f"{scheme}://" in text
    assert "atdata-sdk[http,s3,gs]" in text
    assert "secret" not in text


def test_at_uris_are_for_load_dataset() -> None:
    with pytest.raises(UrlError, match="load_dataset"):
        open_url("at://did:plc:x/ac.foundation.dataset.record/y")


@pytest.mark.parametrize(
    "url", ["/etc/hostname", "file:///etc/hostname", "etc/x", "~/x", "pipe:id"]
)
def test_untrusted_urls_may_not_name_local_things(url: str) -> None:
    with pytest.raises(UrlError):
        open_url(url, untrusted=True)


def test_untrusted_local_files_have_their_own_error() -> None:
    with pytest.raises(AddressRefused, match="local file"):
        open_url("/etc/hostname", untrusted=True)


@pytest.mark.parametrize(
    ("module", "url", "extra"),
    [("httpx", "http://127.0.0.1:9/x", "http"), ("boto3", "s3://b/k", "s3")],
)
def test_a_missing_package_names_its_extra(
    monkeypatch: pytest.MonkeyPatch, module: str, url: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setenv("AWS_REGION", f"no-client-of-{module}")
    with pytest.raises(MissingExtra, match=rf"atdata-sdk\[{extra}\]"):
        open_url(url)


@pytest.mark.usefixtures("no_waits")
def test_no_server_is_a_network_error() -> None:
    with pytest.raises(NetworkError, match="no connection"):
        open_url("http://127.0.0.1:9/x")
