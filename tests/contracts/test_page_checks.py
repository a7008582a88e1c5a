"""The page client's checks see what they are for, and let a good page through."""

from __future__ import annotations

import random
import re

import pytest

from portal.examples import example_shell, examples, render_example
from tests.support.bundled import bundled_renderer, bundled_themes
from tests.support.page_checks import header_faults, page_faults
from tests.support.page_trees import NotSimple, are_equal, judge, read_page, read_simply

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

ROWS = GOOD.replace(
    "</main>",
    """<table role="table"><caption>Payments</caption>
<tbody role="rowgroup">"""
    + '<tr role=row><th role=rowheader><a href="/acme/payments/1">Plan</a></th><td role=cell>Paid</td></tr>\n' * 4
    + "</tbody></table></main>",
)
"""The same with rows that are alike, some of whose attributes stand without quotation marks."""

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


# --- pages that are read without html5lib ---


@pytest.mark.parametrize("page", [GOOD, ROWS], ids=["form", "rows"])
def test_page_is_read_as_html5lib_reads_it_whatever_is_wrong_with_it(page):
    """A page 400 times, each time with one thing taken out, doubled, moved or put in: also after its like was found valid."""
    assert page_faults(page) == []
    chance = random.Random(2026)
    tags = [match.span() for match in re.finditer("<[^>]+>", page)]

    invalid = 0
    for _ in range(400):
        (start, end), (other, other_end) = chance.choice(tags), chance.choice(tags)
        place = chance.randrange(len(page))
        changed = chance.choice((
            page[:start] + page[end:], page[:end] + page[start:], page[:start] + page[other:other_end] + page[end:],
            page[:place] + page[place + 1 :], page[:place] + chance.choice("<>&\"'=/ x\r\0") + page[place:],
        ))  # fmt: skip
        root, faults = read_page(changed)
        judged, expected = judge(changed)
        assert faults == expected, changed
        assert are_equal(root, judged), changed
        invalid += bool(expected)

    assert 120 < invalid < 360


def test_rows_that_are_alike_are_one_part_however_many_there_are():
    row = ROWS[ROWS.index("<tr") : ROWS.index("</tr>") + 6]

    assert read_simply(ROWS.replace(row * 4, row * 40))[1] == read_simply(ROWS)[1]
    assert (
        read_simply(ROWS.replace("<td role=cell>Paid</td></tr>", "<td role=cell></td></tr>", 1))[1]
        != read_simply(ROWS)[1]
    )


def test_parts_of_a_page_are_the_same_whatever_words_and_addresses_are_written_into_it():
    other = GOOD.replace("Mail address", "Adresse &amp; nom é").replace("/acme/help", "/savane/aide?a=1&amp;b=2")

    assert read_simply(other)[1] == read_simply(GOOD)[1]


@pytest.mark.parametrize(
    ("good", "other"),
    [
        ("<h1>Sign in</h1>", "<h1></h1>"),
        ('type="email"', 'type="hidden"'),
        ('name="email" ', 'name="email" name="mail" '),
        ("<p>", "<p><b></b>"),
        ('name="email" ', 'formaction name="email" '),
    ],
)
def test_parts_keep_what_can_make_a_page_invalid(good, other):
    assert read_simply(GOOD.replace(good, other))[1] != read_simply(GOOD)[1]


@pytest.mark.parametrize("text", ["&copy;", "&", "&amp", "\r", "\x00", "\x85", "\ufffe", "<!-- -->", "<br", "<p>"])
def test_what_could_be_read_otherwise_is_left_to_html5lib(text):
    with pytest.raises(NotSimple):
        read_simply(GOOD.replace("Mail address", f"Mail {text}"))


def test_valid_part_is_judged_again_where_it_stands_in_other_elements():
    form = GOOD[GOOD.index("<form") : GOOD.index("</form>") + 7]
    link = GOOD[GOOD.index("<a ") : GOOD.index("</a>") + 4]
    assert page_faults(GOOD) == []

    assert "invalid HTML" in page_faults(GOOD.replace("</form>", f"{form}</form>"))[0]
    assert "invalid HTML" in page_faults(GOOD.replace("</a>", f"{link}</a>"))[0]


def test_every_page_of_the_portal_is_read_without_html5lib_once_its_parts_are_known():
    """Else each page of each test is judged anew, which takes a fifth of the time of tests of pages."""
    renderer, themes = bundled_renderer(), bundled_themes()

    left = set()
    for example in examples():
        shell = example_shell(themes, theme="acme", locale="en", current=example.current)
        try:
            read_simply(render_example(renderer, example, shell))
        except NotSimple:
            left.add(example.template)

    assert left == set()
