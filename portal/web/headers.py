"""The headers that every response carries: content security policy, isolation, referrer and caching, put together once a kind."""

from __future__ import annotations

from werkzeug.wrappers import Response

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'{actions}; base-uri 'none'; frame-ancestors {ancestors}; require-trusted-types-for 'script'"
)
_FEATURES = (
    "accelerometer=(), autoplay=(), browsing-topics=(), camera=(), display-capture=(), encrypted-media=(), fullscreen=(self), "
    "geolocation=(), gyroscope=(), hid=(), interest-cohort=(), magnetometer=(), microphone=(), midi=(), payment=(self), "
    "screen-wake-lock=(), serial=(), usb=(), xr-spatial-tracking=()"
)
_DEMO_ANCESTORS = "http://127.0.0.1:* http://localhost:*"
_YEAR_SECONDS = 31_536_000
_MOST_KINDS = 256


class SecurityHeaders:
    """Puts them together. `is_https` adds HSTS; `is_demo` lets pages of this machine frame the portal."""

    def __init__(self, *, is_https: bool, is_demo: bool) -> None:
        self._ancestors = _DEMO_ANCESTORS if is_demo else "'none'"
        self._kinds: dict[tuple[tuple[str, ...], bool], list[tuple[str, str]]] = {}
        self._fixed = [
            ("X-Content-Type-Options", "nosniff"),
            ("Cross-Origin-Opener-Policy", "same-origin-allow-popups"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Permissions-Policy", _FEATURES),
        ]
        if is_https:
            self._fixed.append(("Strict-Transport-Security", f"max-age={_YEAR_SECONDS}"))

    def of_kind(self, form_origins: tuple[str, ...] = (), has_token_in_address: bool = False) -> list[tuple[str, str]]:
        """Every header that says what a browser may do with the response; the list is shared and not to be changed.

        `form_origins` are those that a form of the page leads to by a redirect (the gateway's).
        """
        kind = (form_origins, has_token_in_address)
        known = self._kinds.get(kind)
        if known is None:
            actions = "".join(f" {origin}" for origin in form_origins)
            if len(self._kinds) >= _MOST_KINDS:
                self._kinds.clear()
            known = self._kinds[kind] = [
                *self._fixed,
                ("Content-Security-Policy", _POLICY.format(actions=actions, ancestors=self._ancestors)),
                ("Referrer-Policy", "same-origin" if has_token_in_address else "strict-origin-when-cross-origin"),
            ]
        return known


def forbid_storing(response: Response) -> None:
    """A page of one visitor: nobody keeps it, and whoever does all the same keeps it apart by cookie."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Cookie"
