"""The `Host` headers that the standalone application serves: that of `BASE_URL`, and every loopback name if that is one."""

from __future__ import annotations

from urllib.parse import urlsplit

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]", "portal.localhost"})
"""The last is a name, as passkeys need one; browsers resolve it without a name server (RFC 6761, 6.3)."""
_DEFAULT_PORTS = {"http": "80", "https": "443"}


class TrustedHosts:
    """Decides by the header alone; compares complete values, so that no variant spelling is admitted."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        default = _DEFAULT_PORTS.get(parts.scheme, "")
        port = str(parts.port or default)
        self._hosts = {f"{name}:{port}"} | ({name} if port == default else set())
        self._any_loopback_port = name in _LOOPBACK

    def admits(self, host: str) -> bool:
        host = host.lower()
        if host in self._hosts:
            return True
        if not self._any_loopback_port:
            return False
        name, _, port = host.rpartition(":") if not host.endswith("]") and ":" in host else (host, "", "")
        return name in _LOOPBACK and (not port or (port.isascii() and port.isdigit() and len(port) <= 5))
