"""Networks as limits count them."""

from __future__ import annotations

import pytest

from portal.networks import network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1/32"),
        ("::ffff:192.0.2.1", "192.0.2.1/32"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:2:3", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("nonsense", "unknown"),
        ("unix:", "unknown"),
    ],
)
def test_network_is_an_ipv4_address_or_an_ipv6_prefix(address: str, network: str) -> None:
    assert network_of(address) == network


def test_wider_network_is_of_ipv6_alone() -> None:
    assert network_of("2001:db8:0:1::1", 48) == network_of("2001:db8:0:ffff::1", 48) == "2001:db8::/48"
    assert network_of("192.0.2.1", 48) == "192.0.2.1/32"
