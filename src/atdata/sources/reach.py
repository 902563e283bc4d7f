"""Which machines a URL from the network may reach: those of the public internet.

A record's URL is chosen by a stranger; opening it must not make this machine talk to services
that only it can see (server-side request forgery). What counts is the address that a connection
is made to, so names are resolved here and the connection goes to the very address looked at.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from urllib.parse import urlsplit

from atdata.errors import AddressRefused

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_PORTS = {"http": 80, "https": 443}


def public_addresses(host: str, port: int) -> list[str]:
    """The addresses of a host, all of them public, unless the user has allowed private ones.

    Allowed are the servers that ``ATDATA_PDS_URL`` and ``ATDATA_PLC_URL`` name, and with
    ``ATDATA_ALLOW_PRIVATE=1`` all.

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
                    hint="if you trust it, set ATDATA_ALLOW_PRIVATE=1",
                )
    return addresses


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public internet, also where IPv6 wraps an IPv4 one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        if inner:
            return is_public(str(inner))
        if ip.is_site_local:
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved)


def is_allowed(host: str, port: int) -> bool:
    """Whether the user has allowed this server, whatever its address is."""
    if os.environ.get("ATDATA_ALLOW_PRIVATE") == "1":
        return True
    named = (os.environ.get(name, "") for name in ("ATDATA_PDS_URL", "ATDATA_PLC_URL"))
    return (host.lower(), port) in {_server(url) for url in named if url}


def _server(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme, 0)
