"""Networks as limits count them: what one visitor has all addresses of. Looks nothing up."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

IPV6_PREFIX = 64
"""Bits of an IPv6 address that name one network: whoever has one address of a /64 has all of them."""


@lru_cache(maxsize=4096)
def network_of(remote_address: str, ipv6_prefix: int = IPV6_PREFIX) -> str:
    """Return the network of a remote address: the IPv4 address itself, or so many bits of an IPv6 address; "unknown" for anything else."""
    try:
        address = ip_address(remote_address)
    except ValueError:
        return "unknown"
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    plain = str(mapped or address).partition("%")[0]
    return str(ip_network(f"{plain}/{ipv6_prefix if ':' in plain else 32}", strict=False))
