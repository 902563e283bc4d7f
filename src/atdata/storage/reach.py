"""Which machines a URL from the network may reach: those of the public internet.

A record's URL is untrusted input: opening it must not make this machine connect to services
that only it can reach (server-side request forgery). The check applies to the address that a
connection is made to, so names are resolved here and the connection goes to that very address.
"""

from __future__ import annotations

import ipaddress
import os
import socket

from atdata.errors import AddressRefused
from atdata.storage.urls import split_url

# Networks outside the public internet, whatever ``is_global`` of a Python version returns:
# the whole registries of special addresses (RFC 6890 and its updates), and platforms' own.
_SPECIAL = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "168.63.129.16/32",  # the host of an Azure machine
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/3",
            "64:ff9b:1::/48",
            "100::/64",
            "100:0:0:1::/64",
            "2001::/23",
            "2001:db8::/32",
            "3fff::/20",
            "5f00::/16",
            "fc00::/7",
            "fe80::/10",
            "fec0::/10",
            "ff00::/8",
        ),
    )
)
_GLOBAL_IPV6 = ipaddress.IPv6Network("2000::/3")  # all that was ever allocated
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_TEREDO = ipaddress.IPv6Network("2001::/32")
PORTS = {"http": 80, "https": 443}
_NAMED = ("ATDATA_APPVIEW_URL", "ATDATA_PDS_URL", "ATDATA_PLC_URL")
_allowed: set[str] = set()


def public_addresses(host: str, port: int) -> list[str]:
    """Return a host's addresses: all of them public, unless the user has allowed private ones.

    Allowed are the servers that ``ATDATA_PDS_URL``, ``ATDATA_PLC_URL`` and ``ATDATA_APPVIEW_URL``
    name, those passed to :func:`allow_server`, and all with ``ATDATA_ALLOW_PRIVATE=1``.

    Raises:
        AddressRefused: One of the addresses is private.
        OSError: The name can't be resolved.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(sockaddr[0]) for *_, sockaddr in found]
    if not is_allowed(host, port):
        for address in addresses:
            if not is_public(address):
                raise AddressRefused(
                    f"data from the network names {host}:{port}, which is the private address "
                    f"{address}",
                    hint="Set ATDATA_ALLOW_PRIVATE=1 if you trust it.",
                )
    return addresses


def is_public(address: str) -> bool:
    """Return whether an IP address is public; an IPv4 address inside an IPv6 one counts."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if inner := _inner(ip):
            return is_public(str(inner))
        if ip not in _GLOBAL_IPV6:
            return False
    return not any(ip in network for network in _SPECIAL if network.version == ip.version)


def _inner(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 one embeds."""
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    teredo = ip.teredo if ip in _TEREDO else None
    return ip.ipv4_mapped or ip.sixtofour or (teredo[1] if teredo else None)


def is_allowed(host: str, port: int) -> bool:
    """Return whether the user has allowed this server, whatever its address is."""
    if os.environ.get("ATDATA_ALLOW_PRIVATE") == "1":
        return True
    named = {os.environ.get(name, "") for name in _NAMED} | _allowed
    return (host.lower(), port) in {_server(url) for url in named if url}


def allow_server(url: str) -> None:
    """Allow data from the network to lead to this server from now on: the user named it."""
    _allowed.add(url)


def allowed_servers() -> list[str]:
    """Return the URLs that were allowed in this process, for others that it starts."""
    return sorted(_allowed)


def _server(url: str) -> tuple[str, int]:
    parts = split_url(url)
    return (parts.hostname or "").lower(), parts.port or PORTS.get(parts.scheme, 0)
