"""Fixtures that every test may use: real servers, and a home of its own for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import stamina
from hypothesis import HealthCheck, settings

from atdata.storage import reach
from atdata.storage.retry import ATTEMPTS
from servers.atproto_pds import Account, Pds, pds_server
from servers.gcs import GcsServer
from servers.gcs import gcs_server as run_gcs_server
from servers.ipfs import IpfsGateway
from servers.ipfs import ipfs_gateway as run_ipfs_gateway
from servers.s3 import S3Server
from servers.s3 import s3_server as run_s3_server
from servers.valkey import valkey_server
from servers.web import Web, web_server

if TYPE_CHECKING:
    import redis

    from atdata.atmosphere import AtmosphereClient

# Time is not asserted anywhere: the machines that run this are shared.
settings.register_profile(
    "atdata", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.register_profile("quick", settings.get_profile("atdata"), max_examples=20)
settings.load_profile("atdata")

_SETTINGS = ("ATDATA_", "AWS_", "GOOGLE_", "STORAGE_EMULATOR_", "IPFS_")


@pytest.fixture(autouse=True)
def isolated_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of the test's own, and no setting of the machine's."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setattr(reach, "_allowed", set())  # servers that other tests have named
    for name in list(os.environ):
        if name.startswith(_SETTINGS) and name != "ATDATA_INTEROP_DIR":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    for kind in ("DATA", "CACHE", "CONFIG", "STATE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(home / kind.lower()))
    return home


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """A real S3 server."""
    with run_s3_server() as server:
        yield server


@pytest.fixture
def s3_bucket(s3_server: S3Server) -> str:
    """An empty bucket on it."""
    return s3_server.new_bucket()


@pytest.fixture
def s3_credentials(s3_server: S3Server) -> dict[str, str]:
    """The server's credentials, as ``S3DataStore`` takes them."""
    return s3_server.credentials


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[GcsServer]:
    """A real server of the GCS API."""
    with run_gcs_server() as server:
        yield server


@pytest.fixture
def gcs_bucket(gcs_server: GcsServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket on it, and the environment that points gs:// URLs at it."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs_server.endpoint)
    return gcs_server.new_bucket()


@pytest.fixture(scope="session")
def ipfs_gateway() -> Iterator[IpfsGateway]:
    """A real IPFS node with its gateway, offline."""
    with run_ipfs_gateway() as gateway:
        yield gateway


@pytest.fixture
def ipfs_env(ipfs_gateway: IpfsGateway, monkeypatch: pytest.MonkeyPatch) -> IpfsGateway:
    """The node, and the environment that points atdata at it."""
    monkeypatch.setenv("IPFS_GATEWAY", ipfs_gateway.url)
    monkeypatch.setenv("IPFS_API", ipfs_gateway.api)
    return ipfs_gateway


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A real Redis-compatible server."""
    with valkey_server() as url:
        yield url


@pytest.fixture
def redis_client(redis_url: str) -> Iterator[redis.Redis]:
    """A client of it; the server is empty when the test starts."""
    import redis

    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
        yield client


@pytest.fixture(scope="session")
def pds() -> Iterator[Pds]:
    """The reference PDS, with its own PLC directory."""
    with pds_server() as server:
        yield server


@pytest.fixture
def pds_env(pds: Pds, monkeypatch: pytest.MonkeyPatch) -> Pds:
    """The PDS, and the environment that points atdata at it."""
    monkeypatch.setenv("ATDATA_PDS_URL", pds.url)
    monkeypatch.setenv("ATDATA_PLC_URL", pds.plc_url)
    return pds


@pytest.fixture
def account(pds_env: Pds) -> Account:
    """A fresh account on the PDS, with an empty repository."""
    return pds_env.new_account()


@pytest.fixture
def client(account: Account) -> AtmosphereClient:
    """A client that is logged in to it."""
    from atdata.atmosphere import AtmosphereClient

    client = AtmosphereClient()
    client.login(account.handle, account.app_password)
    return client


@pytest.fixture
def web() -> Iterator[Web]:
    """A server on loopback whose answers the test decides."""
    with web_server() as server:
        yield server


@pytest.fixture
def no_waits() -> Iterator[None]:
    """Nothing is waited for between two attempts; there are as many as ever."""
    with stamina.set_testing(True, attempts=ATTEMPTS, cap=True):
        yield
