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


def region_of(remote_address: str) -> str:
    """Return the wider network of a remote address, as it may be kept for longer than an address: its IPv4 /24 or IPv6 /48; "" for anything else."""
    network = network_of(remote_address, 48)
    if network == "unknown":
        return ""
    return network if ":" in network else str(ip_network(f"{network.partition('/')[0]}/24", strict=False))


def is_same_region(region: str, remote_address: str) -> bool:
    """Return whether a remote address is in a region that `region_of` returned."""
    return region != "" and region == region_of(remote_address)


def shown_region(region: str) -> str:
    """Return the beginning that all addresses of a region share, as people read it: `203.0.113.…`, `2001:db8:1::…`."""
    address = region.partition("/")[0]
    return f"{address}…" if ":" in address else f"{address.rpartition('.')[0]}.…"
