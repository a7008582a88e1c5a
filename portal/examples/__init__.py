"""An example of every page in every state: what themes are checked with, and templates looked at. Figures and people are made up."""

from __future__ import annotations

from collections.abc import Iterator

from portal.examples.details import details_examples
from portal.examples.invoices import checkout_examples, invoice_examples
from portal.examples.methods import method_examples
from portal.examples.notices import notice_examples
from portal.examples.parts import NOW, Example
from portal.examples.pay_links import pay_link_examples
from portal.examples.payments import overview_examples, payment_examples, payment_rows
from portal.examples.people import people_examples
from portal.examples.privacy import privacy_examples
from portal.examples.security import security_examples
from portal.examples.sign_in import demo_examples, error_examples, sign_in_examples
from portal.examples.statement import statement_examples
from portal.rendering.renderer import Language, Renderer, Shell, build_brand
from portal.theming.themes import ThemeSet

__all__ = ["STATIC", "Example", "example_shell", "examples", "payment_rows", "render_example"]

STATIC = "/static/0123456789ab"


def examples() -> Iterator[Example]:
    """Every page of the portal, each state of it once."""
    yield from sign_in_examples()
    yield from overview_examples()
    yield from payment_examples()
    yield from invoice_examples()
    yield from checkout_examples()
    yield from pay_link_examples()
    yield from method_examples()
    yield from details_examples()
    yield from statement_examples()
    yield from security_examples()
    yield from notice_examples()
    yield from people_examples()
    yield from privacy_examples()
    yield from error_examples()
    yield from demo_examples()


def example_shell(themes: ThemeSet, *, theme: str, locale: str, current: str = "", direction: str = "ltr") -> Shell:
    """A shell in a bundled theme; signed in where `current` names a place of the navigation."""
    chosen = themes.get(theme)
    is_acme = theme != "savane"
    return Shell(
        root="/" + theme,
        static=STATIC,
        csrf_token="IjhkZjM0.example",  # noqa: S106  # Made up.
        merchant_name="Acme Software Inc." if is_acme else "Savane Énergie SA",
        brand=build_brand(chosen, name="Acme" if is_acme else "Savane Énergie", static=STATIC, locale=locale),
        customer_name=("Maya Lindqvist" if is_acme else "Aïcha Njoya") if current else None,
        customer_company=("Lindqvist Studio" if is_acme else "Boulangerie Njoya") if current else None,
        signed_in=bool(current),
        current=current,
        locale=locale,
        dir=direction,
        languages=(Language("en", "English", "?locale=en"), Language("fr", "Français", "?locale=fr")),
        embedded=False,
        support_email="billing@acme.example" if is_acme else "aide@savane.example",
        privacy_url="https://example.com/privacy",
        terms_url="https://example.com/terms",
        now=NOW,
        accessibility_url=f"/{theme}/accessibility",
    )


def render_example(renderer: Renderer, example: Example, shell: Shell) -> str:
    return renderer.render(
        example.template, theme=shell.brand.theme, locale=shell.locale, page=example.page, shell=shell
    )
