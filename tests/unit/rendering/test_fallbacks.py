"""What a theme's templates cannot do, whatever they hold: take a mail away, or hide, double or change the payment panel."""

from __future__ import annotations

import re

import pytest

from portal.assets import TEMPLATES
from portal.emails.rendering import render_mail
from portal.examples import example_shell, examples, render_example
from portal.examples.mails import example_mail_brand, mail_examples
from portal.rendering.renderer import Renderer
from portal.theming.themes import load_themes

REVIEW = (TEMPLATES / "checkout" / "review.html").read_text("utf-8")
ACCOUNT = (TEMPLATES / "layouts" / "account.html").read_text("utf-8")
AMOUNT = (TEMPLATES / "components" / "amount.html").read_text("utf-8")
PANEL = "{{ payment_panel(page=page, root=shell.root, csrf_token=shell.csrf_token) }}"
(REVIEWED,) = (example for example in examples() if example.name == "review-ready")


@pytest.fixture
def renderer_of(tmp_path):
    def write(**files: str) -> Renderer:
        folder = tmp_path / "themes" / "loud"
        for name, text in {"theme.toml": 'name = "Loud"\n', **files}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        themes = load_themes([tmp_path / "themes"])
        assert themes.faults == ()
        return Renderer(themes)

    return write


def _reviewed(renderer: Renderer) -> str:
    return render_example(renderer, REVIEWED, example_shell(renderer.themes, theme="loud", locale="en", current="x"))


def _panel(html: str) -> str:
    (panel,) = re.findall(r'<section class="payment-panel".*?</section>', html, re.DOTALL)
    return str(panel)


def _replaced(before: str) -> str:
    return REVIEW.replace(PANEL, before)


HOSTILE = {
    "left out": {"templates/checkout/review.html": _replaced("{% if false %}" + PANEL + "{% endif %}")},
    "hidden": {"templates/checkout/review.html": _replaced(f"<div hidden>{PANEL}</div>")},
    "inert": {"templates/checkout/review.html": _replaced(f"<div inert>{PANEL}</div>")},
    "in a class": {"templates/checkout/review.html": _replaced(f'<div class="visually-hidden">{PANEL}</div>')},
    "in a closed element": {"templates/checkout/review.html": _replaced(f"<details>{PANEL}</details>")},
    "in a dialog": {"templates/checkout/review.html": _replaced(f"<dialog>{PANEL}</dialog>")},
    "in a form": {"templates/checkout/review.html": _replaced(f'<form action="/x">{PANEL}</form>')},
    "twice": {"templates/checkout/review.html": _replaced(PANEL + PANEL)},
    "beside another that pays": {"templates/checkout/review.html": _replaced(PANEL + "<button data-primary>Pay</button>")},
    "in a comment": {"templates/checkout/review.html": _replaced(f"<!-- {PANEL} -->")},
    "below a style of its own": {"templates/layouts/account.html": ACCOUNT.replace("{% block body %}", '{% block head %}<link rel="stylesheet" href="{{ static }}/themes/loud/x.css">{% endblock %}{% block body %}')},
    "below a script of its own": {"templates/layouts/account.html": ACCOUNT.replace("{% block body %}", '{% block head %}<script src="{{ static }}/themes/loud/x.js"></script>{% endblock %}{% block body %}')},
    "in an element that closes itself": {"templates/checkout/review.html": _replaced(f"<div hidden/>{PANEL}")},
    "in one that ends elsewhere": {"templates/checkout/review.html": _replaced(f"<div hidden><table></div></table>{PANEL}")},
    "as a class that stands second": {"templates/checkout/review.html": _replaced(f'<div class="hidden-text" class="stack">{PANEL}</div>')},
    "below a style in capitals": {"templates/checkout/review.html": _replaced(f'<link rel="STYLESHEET" href="/x.css">{PANEL}')},
    "below a style named twice": {"templates/checkout/review.html": _replaced(f'<link rel="stylesheet" href="/x.css" href="{{{{ shell.brand.stylesheet }}}}">{PANEL}')},
    "below a script by a detour": {"templates/checkout/review.html": _replaced(f'<script src="{{{{ static }}}}/js/../themes/loud/x.js"></script>{PANEL}')},
    "below another base": {"templates/checkout/review.html": _replaced(f'<base href="https://evil.example/">{PANEL}')},
    "under a dialog": {"templates/checkout/review.html": _replaced(f"<dialog open>Nothing to pay</dialog>{PANEL}")},
    "as one of its own": {"templates/checkout/review.html": _replaced('{% if false %}' + PANEL + '{% endif %}<section class="payment-panel" aria-label="Payment"><button data-primary>Pay 1 cent</button></section>')},
    "below a layout that hides": {"templates/layouts/account.html": ACCOUNT.replace("<main ", "<main hidden ")},
}  # fmt: skip


@pytest.mark.parametrize("files", HOSTILE.values(), ids=HOSTILE)
def test_review_on_which_the_panel_is_not_as_it_should_be_is_ours(renderer_of, files):
    renderer = renderer_of(**files)

    html = _reviewed(renderer)

    assert renderer.fallbacks.counts == {("loud", "checkout/review.html"): 1}
    assert html.count('class="payment-panel"') == 1 and "hidden>" not in html.partition("payment-panel")[0]


def test_components_of_a_theme_do_not_reach_into_the_panel(renderer_of):
    lies = re.sub(r"\{% macro (hero_amount|amount_of)\(([^)]*)\)([^%]*)%\}", r"{% macro \1(\2)\3%}1 cent", AMOUNT)
    files = {"templates/components/amount.html": lies, "templates/components/form.html": '{% macro csrf(token) %}<input name="other">{% endmacro %}'}  # fmt: skip
    renderer = renderer_of(
        **files, **{"templates/components/method.html": "{% macro method_words(label) %}nothing{% endmacro %}"}
    )

    html = _reviewed(renderer)

    assert "1 cent" in lies
    panel = _panel(html)
    assert "1 cent" not in panel and "nothing" not in panel.split("</dl>")[0] and 'name="csrf_token"' in panel
    assert panel == _panel(_reviewed(Renderer(load_themes())))


def test_theme_may_draw_the_rest_of_the_review(renderer_of):
    renderer = renderer_of(
        **{"templates/checkout/review.html": REVIEW.replace('{{ _("Afterwards") }}</h2>', "And then</h2>")}
    )

    assert "And then</h2>" in _reviewed(renderer)
    assert renderer.fallbacks.counts == {}


@pytest.mark.parametrize(
    "files",
    [
        {"emails/sign_in.html": "{{ page.nothing }}"},
        {"emails/sign_in.txt": "{{ 1 / 0 }}"},
        {"emails/sign_in.txt": "\n\nNo subject{% if page.nothing %}{% endif %}"},
        {"emails/sign_in.txt": "{% if false %}x{% endif %}"},
    ],
)
def test_mail_of_which_one_part_fails_is_ours_in_both(renderer_of, files):
    name = next(iter(files))
    renderer = renderer_of(
        **{"emails/sign_in.txt": "Theirs\n\nTheirs", "emails/sign_in.html": "<p>Theirs</p>", **files}
    )
    theme = renderer.themes.get("loud")
    (example,) = (each for each in mail_examples(example_mail_brand(theme, "en")) if each.name == "sign_in")

    mail = render_mail(renderer, "sign_in", example.page, theme="loud")

    assert "K7QM-2XPA" in mail.text and "K7QM-2XPA" in mail.html and mail.subject
    assert "Theirs" not in mail.subject + mail.text + mail.html, name
    assert renderer.fallbacks.counts == {("loud", "emails/sign_in"): 1}
