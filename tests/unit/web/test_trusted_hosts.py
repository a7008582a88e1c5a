"""Which `Host` headers are answered."""

from __future__ import annotations

import pytest

from portal.web.trusted_hosts import TrustedHosts


@pytest.mark.parametrize("host", ["portal.example", "portal.example:443", "PORTAL.example"])
def test_own_host_is_admitted(host: str) -> None:
    assert TrustedHosts("https://portal.example").admits(host)


@pytest.mark.parametrize(
    "host",
    [
        "", "evil.example", "portal.example.evil.example", "evil.example:443", "portal.example:80", "portal.example.", "localhost",
        "portal.example@evil.example", "portal.example:443:443", "portal.example#", "portal.example/", "[portal.example]", "127.0.0.1",
    ],
)  # fmt: skip
def test_other_hosts_are_refused(host: str) -> None:
    assert not TrustedHosts("https://portal.example").admits(host)


@pytest.mark.parametrize(
    "host", ["127.0.0.1:5000", "127.0.0.1:5001", "localhost:5000", "localhost", "[::1]:5000", "[::1]"]
)
def test_every_loopback_name_is_admitted(host: str) -> None:
    assert TrustedHosts("http://127.0.0.1:5000").admits(host)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example:5000", "localhost:evil", "localhost:5000:1", "[::1", "127.0.0.2:5000"],
)
def test_other_names_of_this_machine_are_refused(host: str) -> None:
    trusted = TrustedHosts("http://127.0.0.1:5000")

    assert not trusted.admits(host)


def test_port_of_the_base_url_counts() -> None:
    trusted = TrustedHosts("https://portal.example:8443")

    assert trusted.admits("portal.example:8443")
    assert not trusted.admits("portal.example")
