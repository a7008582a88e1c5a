"""The headers that every response carries: content security policy, isolation, referrer and caching, built once for each kind."""

from __future__ import annotations

from werkzeug.wrappers import Response

from portal.web.framing import VARIES_BY

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'{actions}; {frames}base-uri 'none'; frame-ancestors {ancestors}; require-trusted-types-for 'script'; trusted-types portal"
)
_MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)
_FEATURES = (
    "accelerometer=(), autoplay=(), browsing-topics=(), camera=(), display-capture=(), encrypted-media=(), fullscreen=(self), "
    "geolocation=(), gyroscope=(), hid=(), interest-cohort=(), magnetometer=(), microphone=(), midi=(), payment=(self), "
    "screen-wake-lock=(), serial=(), usb=(), xr-spatial-tracking=()"
)
_OF_OUR_PAGES = ("Cross-Origin-Resource-Policy", "same-origin")
_YEAR_SECONDS = 31_536_000
_MAX_KINDS = 256


class SecurityHeaders:
    """Builds the headers. `is_https` adds HSTS; `is_demo` lets the demo's page of mail show each in a frame."""

    def __init__(self, *, is_https: bool, is_demo: bool) -> None:
        self._frames = "frame-src 'self'; " if is_demo else ""
        self._kinds: dict[tuple[tuple[str, ...], bool, bool, tuple[str, ...]], list[tuple[str, str]]] = {}
        self._fixed = [
            ("X-Content-Type-Options", "nosniff"),
            ("Cross-Origin-Opener-Policy", "same-origin-allow-popups"),
            ("Permissions-Policy", _FEATURES),
        ]
        if is_https:
            self._fixed.append(("Strict-Transport-Security", f"max-age={_YEAR_SECONDS}"))

    def for_page(
        self,
        form_origins: tuple[str, ...] = (),
        has_token_in_address: bool = False,
        is_pay_link: bool = False,
        ancestors: tuple[str, ...] = (),
    ) -> list[tuple[str, str]]:
        """Return the security headers of a response; the list is shared and must not be changed.

        `form_origins` are other origins that a form of the page is redirected to (the gateway's). What is below a pay link is listed by no search
        engine. `ancestors` are the origins that may show the response in a frame (`framing.ancestors_of`); without any, none may.
        """
        kind = (form_origins, has_token_in_address, is_pay_link, ancestors)
        headers = self._kinds.get(kind)
        if headers is None:
            actions = "".join(f" {origin}" for origin in form_origins)
            if len(self._kinds) >= _MAX_KINDS:
                self._kinds.clear()
            headers = self._kinds[kind] = [
                *self._fixed,
                _OF_OUR_PAGES,
                (
                    "Content-Security-Policy",
                    _POLICY.format(actions=actions, frames=self._frames, ancestors=" ".join(ancestors) or "'none'"),
                ),
                # For what does not know `frame-ancestors`; it has no word for a list, so that with one it says nothing.
                *([] if ancestors else [("X-Frame-Options", "DENY")]),
                ("Referrer-Policy", "same-origin" if has_token_in_address else "strict-origin-when-cross-origin"),
                *([("X-Robots-Tag", "noindex, nofollow")] if is_pay_link else []),
            ]
        return headers

    def for_mail(self) -> list[tuple[str, str]]:
        """Return the security headers of a mail's HTML, which runs nothing, fetches nothing and shows on a page of ours alone."""
        return [
            *self._fixed,
            _OF_OUR_PAGES,
            ("Content-Security-Policy", _MAIL_POLICY),
            ("Referrer-Policy", "no-referrer"),
        ]


def forbid_storing(response: Response) -> None:
    """Mark a page of one customer: no cache stores it, and one that does must separate it by cookie, and by whether it is in a frame."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = VARIES_BY
