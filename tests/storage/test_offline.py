from __future__ import annotations

from pathlib import Path

import pytest

from atdata import Dataset
from atdata.atmosphere import AtmosphereClient
from atdata.errors import NetworkError
from atdata.sources import open_url
from atdata.storage.offline import is_offline, refuse_offline
from servers.web import Web


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATDATA_OFFLINE", "1")


def test_online_unless_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("", "0"):
        monkeypatch.setenv("ATDATA_OFFLINE", value)
        assert not is_offline()
        refuse_offline("https://example.org/a.tar")


@pytest.mark.usefixtures("offline")
def test_nothing_is_asked_of_the_network(web: Web) -> None:
    with pytest.raises(NetworkError, match="ATDATA_OFFLINE") as caught:
        open_url(web.serve("/a.tar?sig=secret", b"x"))
    assert "secret" not in str(caught.value)
    assert web.seen == []


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("url", ["s3://b/k", "gs://b/k", "ipfs://bafkqaaa"])
def test_every_scheme_is_refused(url: str) -> None:
    with pytest.raises(NetworkError, match="ATDATA_OFFLINE"):
        open_url(url)


@pytest.mark.usefixtures("offline")
def test_the_atmosphere_is_out_of_reach() -> None:
    client = AtmosphereClient("http://127.0.0.1:9")
    for call in (
        lambda: client.resolve("lab.example"),
        lambda: client.login("lab.example", "x"),
        lambda: Dataset("at://did:plc:abc/ac.foundation.dataset.record/a").list_shards(),
    ):
        with pytest.raises(NetworkError, match="ATDATA_OFFLINE"):
            call()


@pytest.mark.usefixtures("offline")
def test_files_of_this_machine_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes(b"x")
    with open_url(str(path)) as stream:
        assert stream.read() == b"x"
