"""Every page in each of its states, as the templates draw it: valid, named, labelled, in each language and brand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from portal.assets import TEMPLATES
from portal.emails.rendering import render_mail
from portal.examples import example_shell, examples, render_example
from portal.examples.mails import example_mail_brand, mail_examples
from portal.rendering.renderer import Renderer
from portal.theming.themes import ThemeSet, load_themes
from tests.support.bundled import RunRenderer
from tests.support.page_checks import page_faults

EXAMPLES = list(examples())


@pytest.fixture(scope="module")
def plain_renderer(themes: ThemeSet) -> Renderer:
    """A renderer that stays within the public hooks of Jinja."""
    return RunRenderer(themes, fast_escaping=False)


@pytest.mark.parametrize(("theme", "locale"), [("acme", "en"), ("savane", "fr")])
@pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])
def test_page_is_whole(renderer: Renderer, themes: ThemeSet, example, theme, locale):
    shell = example_shell(themes, theme=theme, locale=locale, current=example.current)

    html = render_example(renderer, example, shell)

    assert page_faults(html) == []


@pytest.mark.parametrize(("theme", "locale"), [("acme", "en"), ("savane", "fr")])
def test_page_is_the_same_without_fast_escaping(
    renderer: Renderer, plain_renderer: Renderer, themes: ThemeSet, theme, locale
):
    others = []

    for example in EXAMPLES:
        shell = example_shell(themes, theme=theme, locale=locale, current=example.current)
        if render_example(plain_renderer, example, shell) != render_example(renderer, example, shell):
            others.append(example.name)

    assert others == []


@pytest.mark.parametrize("theme", ["acme", "savane"])
def test_every_mail_has_an_example_that_is_whole(renderer: Renderer, themes: ThemeSet, theme: str) -> None:
    named = {path.relative_to(TEMPLATES).with_suffix("").as_posix() for path in TEMPLATES.glob("emails/*.txt")}
    shown = set()

    for locale in ("en", "ar"):
        for example in mail_examples(example_mail_brand(themes.get(theme), locale)):
            mail = render_mail(renderer, example.template.removeprefix("emails/"), example.page, theme=theme)
            assert mail.subject and mail.text.strip() and "<html" in mail.html, example.name
            shown.add(example.template)

    assert shown == named


# Of the examples, those of a payment that is being sent.
BEING_SENT = {
    "payment-being-sent", "payment-on-its-way", "payments", "overview", "invoices-outstanding", "invoice-being-sent", "choose-nothing-sending",
}  # fmt: skip


def test_theme_of_before_payments_were_being_sent_shows_them_as_being_checked(tmp_path: Path) -> None:
    folder = tmp_path / "loud" / "templates" / "components"
    folder.mkdir(parents=True)
    (tmp_path / "loud" / "theme.toml").write_text('name = "Loud"\n')
    for name in ("status.html", "timeline.html"):
        newer = (TEMPLATES / "components" / name).read_text("utf-8")
        older = newer.replace('"waiting" if step.kind == "unknown" and page.is_being_sent else step.kind', "step.kind")
        older = re.sub(r".*(\"sending\":|page.is_being_sent).*\n", "", older)
        assert older.count("\n") == newer.count("\n") - 1, name
        (folder / name).write_text(older, "utf-8")
    themes = load_themes([tmp_path])
    renderer = Renderer(themes)
    shown = {}

    for example in EXAMPLES:
        if example.name in BEING_SENT:
            shell = example_shell(themes, theme="loud", locale="en", current=example.current)
            shown[example.name] = render_example(renderer, example, shell)

    assert themes.faults == () and shown.keys() == BEING_SENT
    assert {name for name, html in shown.items() if page_faults(html)} == set()
    assert "Being sent" not in shown["payments"] and "Being checked" in shown["payments"]
    assert "No clear answer yet; we keep checking" in shown["payment-being-sent"]
