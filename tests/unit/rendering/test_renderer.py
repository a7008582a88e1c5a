"""Pages in a theme and the language of a locale, rendered without a request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

import pytest
from jinja2 import DictLoader, UndefinedError
from markupsafe import Markup, escape

from portal.rendering.environment import build_environment, escape_value
from portal.rendering.renderer import Renderer, Shell, build_brand
from portal.theming.themes import load_themes
from tests.support.bundled import bundled_themes

THEMES = bundled_themes()


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    amount: int
    on: date


def build_shell(locale: str = "en") -> Shell:
    return Shell(
        root="/acme", static="/static/abc", csrf_token="t", merchant_name="Acme", signed_in=True, current="", locale=locale, dir="ltr",
        brand=build_brand(THEMES.get("acme"), name="", static="/static/abc", locale=locale), customer_name=None, customer_company=None,
        languages=(), embedded=False, support_email="", privacy_url="", terms_url="", now=datetime(2026, 3, 5, tzinfo=UTC),
    )  # fmt: skip


@pytest.fixture
def render(tmp_path):
    def render_text(template, page=None, *, locale="en", theme="acme", themes=THEMES, folder=None):
        bundled = folder or tmp_path / "templates"
        bundled.mkdir(exist_ok=True)
        (bundled / "page.html").write_text(template)
        renderer = Renderer(themes, templates=bundled)
        return renderer.render("page.html", theme=theme, locale=locale, page=page, shell=build_shell(locale))

    return render_text


def test_values_are_escaped_in_every_place_they_are_written(render):
    row = Row("<script>&\"'", -124_000, date(2026, 3, 5))

    html = render(
        "{{ page.name }}|{{ page.name|upper }}|{% set x %}{{ page.name }}{% endset %}{{ x }}|{{ page.name ~ '<' }}", row
    )

    assert "<" not in html
    assert html.startswith("&lt;script&gt;&amp;&#34;&#39;|")


def test_filters_format_for_the_locale(render):
    row = Row("", -124_000, date(2026, 4, 1))
    template = "{{ page.amount|money('EUR') }} {{ page.on|day }} {{ page.amount|number }} {{ page.on|iso }}"

    assert render(template, row) == "−€1,240.00 Apr 1, 2026 −124,000 2026-04-01"
    assert render(template, row, locale="fr") == "−1\u202f240,00\u00a0€ 1er avril 2026 −124\u202f000 2026-04-01"


def test_text_of_the_template_is_markup_and_text_from_elsewhere_is_not(render):
    row = Row("<b>100%</b>", 0, date(2026, 3, 5))

    html = render("{{ _('<b>ours</b> 100%%') }} {{ _(page.name) }} {{ _('<b>%(x)s</b>', x=page.name) }}", row)

    assert html == "<b>ours</b> 100% &lt;b&gt;100%&lt;/b&gt; <b>&lt;b&gt;100%&lt;/b&gt;</b>"


def test_message_in_any_form_is_markup_only_where_the_template_writes_it(render):
    row = Row("<i>", 0, date(2026, 3, 5))

    for template, expected in (
        ("{{ _('<b>' '</b>') }}", "<b></b>"),
        ("{{ gettext('<b>') }}", "<b>"),
        ("{{ gettext(page.name) }}", "&lt;i&gt;"),
        ("{{ _('<b>' ~ page.name) }}", "&lt;b&gt;&lt;i&gt;"),
        ("{{ _('<b>' if page.amount else page.name) }}", "&lt;i&gt;"),
        ("{{ _('<b>%(x)s', x=_(page.name)) }}", "<b>&lt;i&gt;"),
        ("{{ _('<b>%(x)s', x=_('<u>')) }}", "<b><u>"),
        ("{{ _(page.name ~ '%(x)s', x='<u>') }}", "&lt;i&gt;&lt;u&gt;"),
        ("{{ _('<b>')|upper ~ page.name }}", "<B>&lt;i&gt;"),
        ("{{ page.name.replace('<', _('&lt;')) }}", "&amp;lt;i&gt;"),
    ):
        assert render(template, row) == expected, template


def test_method_named_like_the_translation_is_not_translated(render):
    class Page:
        def gettext(self, text):
            return f"own {text}"

    assert render("{{ page.gettext('Paid') }}", Page(), locale="fr") == "own Paid"


def test_message_is_translated_when_the_template_is_compiled(render):
    assert render("{{ _('Payments') }} {% trans %}Payments{% endtrans %}", locale="fr") == "Paiements Paiements"


def test_missing_page_field_raises_an_error(render):
    row = Row("", 0, date(2026, 3, 5))

    for template in (
        "{{ page.nothing }}",
        "{{ nothing }}",
        "{% if page.nothing %}{% endif %}",
        "{{ page.nothing.more }}",
    ):
        with pytest.raises(UndefinedError):
            render(template, row)


def test_attributes_tests_and_dicts_read_as_jinja_reads_them(render):
    template = (
        "{% set d = {'items': 1, 'tone': 'good'} %}{{ d.tone }} {{ d['items'] }} {{ page.missing is defined }} "
        "{{ page.missing|default('none') }} {% for x in [1, 2] %}{{ loop.index }}{% endfor %}"
    )

    assert render(template, Row("", 0, date(2026, 3, 5))) == "good 1 False none 12"


def test_macro_imported_without_context_knows_the_static_root(render, tmp_path):
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "icon.html").write_text(
        "{% macro icon(name) %}{{ static }}/icons.svg#{{ name }}{% endmacro %}"
    )

    assert render("{% from 'icon.html' import icon %}{{ icon('home') }}") == "/static/abc/icons.svg#home"


def test_theme_replaces_a_template_for_itself_alone_and_never_the_payment_panel(render, tmp_path):
    own = tmp_path / "themes" / "loud"
    bundled = tmp_path / "templates"
    for folder, word in ((bundled, "plain"), (own / "templates", "loud")):
        (folder / "components").mkdir(parents=True)
        (folder / "head.html").write_text(word)
        (folder / "components" / "payment_panel.html").write_text(f"{word} panel")
    (own / "theme.toml").write_text('name = "Loud"')
    loaded = load_themes([tmp_path / "themes"], templates=bundled)
    # The bundled themes have templates of their own, which replace none of these.
    assert "cannot be replaced" in str(next(fault for fault in loaded.faults if fault.theme == "loud"))
    (own / "templates" / "components" / "payment_panel.html").unlink()
    themes = load_themes([tmp_path / "themes"], templates=bundled)
    (own / "templates" / "components" / "payment_panel.html").write_text("loud panel")
    template = "{% include 'head.html' %} {% include 'components/payment_panel.html' %}"

    assert render(template, theme="loud", themes=themes, folder=bundled) == "loud plain panel"
    assert render(template, theme="acme", themes=themes, folder=bundled) == "plain plain panel"


def test_theme_replaces_a_mail_in_its_own_folder(render, tmp_path):
    for folder, word in (
        (tmp_path / "templates" / "emails", "plain"),
        (tmp_path / "themes" / "loud" / "emails", "loud"),
    ):
        folder.mkdir(parents=True)
        (folder / "receipt.txt").write_text(word)
    (tmp_path / "themes" / "loud" / "theme.toml").write_text('name = "Loud"')
    themes = load_themes([tmp_path / "themes"], templates=tmp_path / "templates")
    template = "{% include 'emails/receipt.txt' %}"

    assert render(template, theme="loud", themes=themes) == "loud"
    assert render(template, theme="acme", themes=themes) == "plain"


def test_unknown_theme_falls_back_to_the_base_theme(render):
    assert render("{{ shell.brand.name }}", theme="nobody") == "Acme"


class _Shown:
    def __html__(self):
        return "<b>"


@pytest.mark.parametrize(
    "value",
    ["", "plain", "a&b", "a<b", "a>b", 'a"b', "a'b", "&<>\"'", Markup("<a>"), 5, True, 5.5, None, date(2026, 3, 5),
     datetime(2026, 3, 5, tzinfo=UTC), [1, "<"], _Shown()],
)  # fmt: skip
def test_value_is_escaped_as_by_markupsafe(value):
    assert str(escape_value(value)) == str(escape(value))


@pytest.mark.parametrize(("fast", "function"), [(True, escape_value), (False, escape)])
def test_fast_escaping_is_a_switch_over_the_name_that_compiled_code_calls(fast, function):
    environment = build_environment(DictLoader({"page.html": "{{ page }}"}), "en", "", fast_escaping=fast)

    assert environment.get_template("page.html").root_render_func.__globals__["escape"] is function
    assert "escape(" in str(environment.compile("{{ page }}", raw=True))
