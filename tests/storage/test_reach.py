from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atdata.errors import AddressRefused
from atdata.storage.reach import is_allowed, is_public, public_addresses


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "fc00::1",
        "fd12:3456::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2001:0:0:0:0:0:80ff:fffe",
        "2001:db8::1",
    ],
)
def test_private_addresses_in_every_dress(address: str) -> None:
    assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_and_its_ipv6_forms_are_judged_alike(address: object) -> None:
    mapped = f"::ffff:{address}"
    assert is_public(mapped) == is_public(str(address))


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0", "::1", "::ffff:127.0.0.1"],
)
def test_names_and_spellings_of_this_machine_are_refused(host: str) -> None:
    with pytest.raises(AddressRefused, match="private address") as caught:
        public_addresses(host, 80)
    assert "ATDATA_ALLOW_PRIVATE" in str(caught.value)


def test_a_public_address_passes() -> None:
    assert public_addresses("8.8.8.8", 443) == ["8.8.8.8"]


def test_a_name_that_means_nothing_is_an_os_error() -> None:
    with pytest.raises(socket.gaierror):
        public_addresses("no-such-host.invalid", 80)


def test_what_the_user_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_allowed("pds.example", 443)
    monkeypatch.setenv("ATDATA_PDS_URL", "https://PDS.example/")
    monkeypatch.setenv("ATDATA_PLC_URL", "http://127.0.0.1:2582")
    assert is_allowed("pds.example", 443)
    assert is_allowed("127.0.0.1", 2582)
    assert not is_allowed("127.0.0.1", 80)
    assert not is_allowed("pds.example", 80)
    monkeypatch.setenv("ATDATA_ALLOW_PRIVATE", "0")
    assert not is_allowed("other", 80)
    monkeypatch.setenv("ATDATA_ALLOW_PRIVATE", "1")
    assert is_allowed("other", 80)
