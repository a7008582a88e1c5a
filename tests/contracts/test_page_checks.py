"""The page client's checks see what they are for, and let a good page through."""

from __future__ import annotations

import pytest

from tests.support.page_checks import header_faults, page_faults

GOOD = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Sign in – Acme</title><link rel="stylesheet" href="/static/1/portal.css"></head>
<body>
<main id="main">
<h1>Sign in</h1>
<form method="post"><input type="hidden" name="csrf_token" value="t">
<label for="email">Mail address</label><input id="email" name="email" type="email">
<button class="button" type="submit">Continue</button></form>
<p><a href="/acme/help"><svg role="img" aria-label="Help"><use href="/static/1/icons.svg#help"/></svg></a></p>
</main>
</body>
</html>"""

HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=()",
    "Cache-Control": "no-store",
    "Vary": "Cookie",
}


def test_good_page_has_no_faults():
    assert page_faults(GOOD) == []


@pytest.mark.parametrize(
    ("good", "bad", "fault"),
    [
        ("<h1>Sign in</h1>", "<h1>Sign in</p></h1>", "invalid HTML"),
        ("<h1>Sign in</h1>", "<h1>Welcome</h1>", "does not begin"),
        ("<h1>Sign in</h1>", "<h1>Sign in</h1><h1>Sign in</h1>", "2 h1"),
        ('<main id="main">', '<main id="email">', "stands 2 times"),
        ('for="email"', 'for="mail"', "has no label"),
        ('for="email"', 'for="mail"', "names no element"),
        ("<h1>", "<h1 style='color: red'>", "inline style"),
        ("<h1>", "<h1 onclick='go()'>", "inline onclick"),
        ("</body>", "<script>go()</script></body>", "inline <script>"),
        ("</body>", "<style>h1 {}</style></body>", "inline <style>"),
        ("</body>", "<script src='https://cdn.example/x.js'></script></body>", "another origin"),
        ("</form>", '<button class="button" type="submit">Save</button></form>', "2 primary"),
        (' aria-label="Help"', "", "has no name"),
        ('value="t"', 'value=""', "no csrf_token"),
        ("</body>", '<a href="#gone">Skip</a></body>', "not on the page"),
        ('type="submit"', "", "has no type"),
    ],
)
def test_fault_of_the_html_is_seen(good, bad, fault):
    assert fault in " ".join(page_faults(GOOD.replace(good, bad)))


def test_good_headers_have_no_faults():
    assert header_faults(HEADERS, ["portal_acme=x; HttpOnly; Path=/; SameSite=Lax"]) == []


@pytest.mark.parametrize("name", HEADERS)
def test_missing_header_is_seen(name):
    faults = header_faults({key: value for key, value in HEADERS.items() if key != name}, [])

    assert name in " ".join(faults)


@pytest.mark.parametrize("source", ["'unsafe-inline'", "https:", "*", "data:"])
def test_lax_policy_is_seen(source):
    policy = HEADERS["Content-Security-Policy"].replace("script-src 'self'", f"script-src 'self' {source}")

    assert header_faults({**HEADERS, "Content-Security-Policy": policy}, []) != []


@pytest.mark.parametrize(
    "cookie", ["session=x; HttpOnly; SameSite=Lax", "portal_acme=x", "portal_acme=x; HttpOnly; SameSite=None"]
)
def test_lax_cookie_is_seen(cookie):
    assert header_faults(HEADERS, [cookie]) != []
