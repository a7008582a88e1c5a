"""Every template renders with an example of each state, in both languages and both dresses, as sound and lean HTML."""

from __future__ import annotations

import gzip
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from portal.assets import STATIC, TEMPLATES
from portal.emails.pages import MailBrand, ReceiptLine, ReceiptMail, SignInMail
from portal.examples import STATIC as STATIC_ROOT
from portal.examples import Example, example_shell, examples, payment_rows, render_example
from portal.gateways.contract import FAILURE_CODES
from portal.payment_methods.pages import MethodLabel, method_name
from portal.payments.pages import PaymentMonth, PaymentsPage
from portal.rendering.renderer import Renderer
from portal.rendering.translations import available_locales
from portal.theming.themes import ThemeSet
from portal.web.pages import Pager
from tests.support.bundled import bundled_static_files

EXAMPLES = {example.name: example for example in examples()}
MAIL = SignInMail(
    MailBrand("Tom & Co", "Tom & Co Ltd.", "help@tom.example"),
    "WDJB-MJHT",
    "https://portal.example/tom/sign-in/link/tok?a=1&b=2",
)
RECEIPT = ReceiptMail(
    replace(MAIL.brand, locale="fr"), "Tom & Co Ltd.", 23958, "USD", datetime(2026, 3, 5, 10, 3, tzinfo=UTC), "Visa •••• 4242",
    (ReceiptLine("Team plan", "ACME-0412", 20000), ReceiptLine("ACME-0413", "ACME-0413", 3958)), "https://portal.example/tom/", "pay_1",
)  # fmt: skip


def test_every_page_template_has_an_example() -> None:
    apart = ("components/", "layouts/", "emails/")
    pages = {path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html")}

    assert {name for name in pages if not name.startswith(apart)} == {example.template for example in EXAMPLES.values()}


def test_every_failure_code_has_its_own_text(renderer: Renderer) -> None:
    words = renderer.template("components/failure.html", theme="acme", locale="en", static="").module

    assert set(words.__dict__["REASONS"]) == FAILURE_CODES


def test_what_a_customer_wrote_is_escaped(renderer: Renderer, themes: ThemeSet) -> None:
    shell = replace(
        example_shell(themes, theme="acme", locale="en", current="payments"),
        customer_name="<b>",
        customer_company='"><i>',
    )
    row = payment_rows(1)[0]._replace(title="<script>alert(1)</script>", method="<u>", note="&lt;")

    html = render_example(renderer, _history((row,)), shell)

    assert "<script>alert" not in html and "<u>" not in html and "<b><b>" not in html and "<i>" not in html
    assert "&amp;lt;" in html


def test_page_of_25_rows_stays_small(renderer: Renderer, themes: ThemeSet) -> None:
    html = render_example(
        renderer, _history(payment_rows(25)), example_shell(themes, theme="savane", locale="fr", current="payments")
    ).encode()

    assert html.count(b"<tr") == 25 + 1 + 1
    assert len(html) < 16_000
    assert len(gzip.compress(html, 6)) < 4_000


def test_styles_scripts_and_symbols_weigh_under_25_kilobytes() -> None:
    served = {
        name: len(file.gzipped or file.body)
        for name, file in bundled_static_files().files.items()
        if name.endswith((".css", ".js", ".svg")) and not name.startswith("themes/")
    }
    of_others = {name: size for name, size in served.items() if name.startswith("js/vendor/")}

    assert sum(served.values()) - sum(of_others.values()) < 25_000
    assert of_others.keys() == {"js/vendor/htmx.esm.min.js"} and sum(of_others.values()) < 14_000


def test_every_symbol_in_use_is_in_the_sprite(renderer: Renderer, themes: ThemeSet) -> None:
    drawn = set(re.findall(r'<symbol id="([^"]+)"', (STATIC / "icons.svg").read_text()))
    shell = example_shell(themes, theme="acme", locale="en")

    used = set()
    for example in EXAMPLES.values():
        html = render_example(
            renderer, example, replace(shell, current=example.current, signed_in=bool(example.current))
        )
        used |= set(re.findall(re.escape(STATIC_ROOT) + r'/icons\.svg#([^"]+)"', html))
        used |= set(re.findall(r'class="status[^"]* shape-([a-z-]+)"', html))

    assert used <= drawn
    assert drawn <= used


def test_shapes_of_lists_are_those_of_the_sprite() -> None:
    symbols = re.findall(
        r'<symbol id="([^"]+)" viewBox="0 0 16 16"[^>]*>(.*?)</symbol>', (STATIC / "icons.svg").read_text()
    )
    shapes = re.findall(
        r'<g id="([^"]+)" transform="translate\(0 (\d+)\)"[^>]*>(.*?)</g>', (STATIC / "shapes.svg").read_text()
    )
    places = dict(re.findall(r"\.shape-([a-z-]+) { --shape: (\d+); }", (STATIC / "css" / "components.css").read_text()))

    assert [(name, paths) for name, _, paths in shapes] == symbols
    assert {name: int(top) for name, top, _ in shapes} == {name: 32 * int(place) for name, place in places.items()}


def test_every_behaviour_has_its_module() -> None:
    named = {
        name
        for path in TEMPLATES.rglob("*.html")
        for names in re.findall(r'data-behaviour="([^"]+)"', path.read_text())
        for name in re.sub(r"{%.*?%}", " ", names).split()
    }

    assert named == {path.stem for path in (STATIC / "js" / "behaviours").glob("*.js")}


def test_pending_page_refreshes_without_scripts_and_settled_page_does_not(renderer: Renderer, themes: ThemeSet) -> None:
    shell = example_shell(themes, theme="acme", locale="en", current="payments")

    waiting = render_example(renderer, EXAMPLES["payment-processing"], shell)
    settled = render_example(renderer, EXAMPLES["payment-complete"], shell)

    held = render_example(renderer, EXAMPLES["pay-link-being-paid"], shell)
    paid = render_example(renderer, EXAMPLES["pay-link-paid"], shell)

    for page in (waiting, held):
        assert '<noscript><meta http-equiv="refresh"' in page and 'data-behaviour="poll"' in page
    for page in (settled, paid):
        assert "refresh" not in page and "poll" not in page


def test_invoice_that_is_being_paid_offers_no_second_payment(renderer: Renderer, themes: ThemeSet) -> None:
    html = render_example(
        renderer, EXAMPLES["invoice-in-progress"], example_shell(themes, theme="acme", locale="en", current="invoices")
    )

    assert "You cannot pay it twice." in html
    assert "/checkout" not in html


@pytest.mark.parametrize(
    "state",
    ["in_progress", "settled", "ended-by-time", "ended-by-customer", "ended-by-change", "too-many", "too-many-prompts"],
)
def test_checkout_that_cannot_be_paid_has_no_pay_button(state: str, renderer: Renderer, themes: ThemeSet) -> None:
    html = render_example(
        renderer, EXAMPLES[f"review-{state}"], example_shell(themes, theme="acme", locale="en", current="invoices")
    )

    assert "/confirmation" not in html


@pytest.mark.parametrize("locale", available_locales())
def test_sign_in_mail_has_the_code_then_the_link_each_alone_on_a_line(locale: str, renderer: Renderer) -> None:
    subject, _, text = _mail(renderer, "sign_in.txt", MAIL, locale).partition("\n\n")
    lines = text.splitlines()

    assert subject.startswith("WDJB-MJHT ") and subject.strip("\u2069").endswith("Tom & Co")
    assert lines.index(MAIL.code) < lines.index(MAIL.link)
    # What reads the mail for its reader takes the first code and the first address that it finds.
    before = "\n".join(lines[: lines.index(MAIL.link)])
    assert re.findall(r"[A-Z]{4}-[A-Z]{4}", before) == [MAIL.code]
    assert "@" not in before and not re.search(r"\w[.:/]\w", before)


@pytest.mark.parametrize("locale", ["en", "fr"])
def test_receipt_says_amount_payee_and_what_was_paid(locale: str, renderer: Renderer) -> None:
    subject, _, text = _mail(renderer, "receipt.txt", RECEIPT, locale).partition("\n\n")
    html = _mail(renderer, "receipt.html", RECEIPT, locale)

    assert "\n" not in subject and "Tom & Co Ltd." in subject
    for part in ("ACME-0412", "ACME-0413", "pay_1", RECEIPT.link):
        assert part in text and part in html
    assert "&amp;" not in text


def test_method_is_named_by_brand_and_digits_in_every_language() -> None:
    assert method_name("card", "visa", "4242") == "Visa\u00a0••••\u00a04242"
    assert method_name("mobile_money", "mtn", "0012") == "MTN MoMo\u00a0••\u00a012"
    assert method_name("bank_account", None, "6789", "Chase") == "Chase\u00a0••••\u00a06789"
    assert method_name("card", None, "4242") == "••••\u00a04242"
    assert method_name("other", None, None) == ""
    assert MethodLabel("card", "visa", "4242", exp_month=4, exp_year=2026).expiry == "04/2026"
    assert MethodLabel("bank_account", last4="6789").mark == "BANK"


def _history(rows: tuple[object, ...]) -> Example:
    months = (PaymentMonth(datetime(2026, 2, 1, tzinfo=UTC).date(), rows),)  # type: ignore[arg-type]
    tabs = dict.fromkeys(("all", "complete", "pending", "failed", "refunded"), "/acme/payments")
    return Example(
        "", "payments/list.html", PaymentsPage("all", months, Pager(None, "?after=b"), True, tabs=tabs), "payments"
    )


def _mail(renderer: Renderer, name: str, page: object, locale: str = "en") -> str:
    return renderer.template(f"emails/{name}", theme="acme", locale=locale, static=STATIC_ROOT).render(page=page)
