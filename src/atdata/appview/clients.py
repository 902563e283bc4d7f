"""Identity of clients: what counts as one client."""

from __future__ import annotations

import ipaddress

from starlette.types import Scope

_NETWORK_BITS = 64  # the part of IPv6 that a household or a machine gets


def client_of(scope: Scope) -> str:
    """Return the client of a request: its address, or its network if that is IPv6."""
    return network_of((scope.get("client") or ("", 0))[0])


def network_of(address: str) -> str:
    """Return an IPv4 address as it is, and the network of an IPv6 one, which has many addresses."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped:
        return str(ip.ipv4_mapped)
    return str(ipaddress.IPv6Network((ip, _NETWORK_BITS), strict=False))
