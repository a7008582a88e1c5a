"""`portal theme check`: every fault of a theme in one run, by file and line, with the way out."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from portal.assets import TEMPLATES, THEMES
from portal.theme_check.checking import check_themes
from portal.theming.colour import contrast
from portal.theming.faults import Fault

CASES = Path(__file__).resolve().parents[2] / "data" / "themes"
LAYOUT = '{% extends "layouts/account.html" %}\n{% block title %}Hi{% endblock %}\n{% block content %}\n<h1>Hi</h1>\n'
REVIEW = (TEMPLATES / "checkout" / "review.html").read_text("utf-8")
PANEL = "{{ payment_panel(page=page, root=shell.root, csrf_token=shell.csrf_token) }}"
DOCUMENT = (Path(__file__).resolve().parents[3] / "docs" / "themes.md").read_text("utf-8")
# The blocks of one theme that is made step by step are run by tests/contracts/test_documented_theme.py.
ELSEWHERE = re.sub(r"\n## From a logo to a live theme\n.*?(?=\n## )", "", DOCUMENT, flags=re.DOTALL)
(WRITTEN_IN_DOCUMENT,) = re.findall(r"```toml\n(.*?)```", ELSEWHERE, re.DOTALL)
(TEMPLATE_IN_DOCUMENT,) = re.findall(r"```jinja\n(.*?)```", ELSEWHERE, re.DOTALL)
WRITTEN = {
    "documented": {
        "theme.toml": WRITTEN_IN_DOCUMENT,
        "static/logo.svg": (THEMES / "savane" / "static" / "logo.svg").read_text("utf-8"),
        "templates/payments/list.html": TEMPLATE_IN_DOCUMENT,
    },
    "typos": {
        "templates/overview.html": LAYOUT
        + "<p>{{ page.first_nam }}</p>\n<p>{{ 1|mony }}</p>\n{% endblock %}",
        "templates/statement.html": LAYOUT + "{{ page.first }}\n{{ page.closin }}\n{{ page.periods[0].gone }}\n{% endblock %}",
        "templates/people.html": LAYOUT + '{% from "components/amont.html" import x %}\n{% endblock %}',
        "templates/privacy.html": LAYOUT + "{% if shell.locale == 'fr' %}{{ page.only_in_french }}{% endif %}{% endblock %}",
        "templates/security.html": LAYOUT + "{{ 1 / 0 }}{% endblock %}",
        "templates/accessibility.html": LAYOUT + '{% if extra is defined %}{{ extra }}{% endif %}{{ more|default("") }}{% endblock %}',
        "emails/receipt.txt": "\n{{ page.amnt }}",
        "emails/sign_in.html": '<p style="color:red" onclick="x()">{{ page.code }}</p><img src="https://track.example/x.png">',
        "theme.toml": 'name = "Typos"\n[texts.fr]\nwelcom = "Bonjour"\n',
    },
    "hides": {"templates/checkout/review.html": REVIEW.replace(PANEL, f"<div hidden>{PANEL}</div>")},
    "drops": {"templates/checkout/review.html": REVIEW.replace(PANEL, "{% if false %}" + PANEL + "{% endif %}")},
    "whole": {
        "templates/components/amount.html": (TEMPLATES / "components" / "amount.html").read_text("utf-8"),
        "templates/checkout/review.html": REVIEW,
        "emails/receipt.html": (TEMPLATES / "emails" / "receipt.html").read_text("utf-8"),
        "theme.toml": 'name = "Whole"\n[tokens]\ncolor_primary = "#00707f"\n[texts.fr]\nwelcome = "Bonjour"\n',
    },
    "untoml": {"theme.toml": "name = \n", "templates/overview.html": LAYOUT + "{{ nobody }}{% endblock %}"},
}  # fmt: skip


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Fault]]:
    """The faults of each theme, of one run over all of them."""
    folder = tmp_path_factory.mktemp("themes")
    shutil.copytree(CASES, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.md"))
    for slug, files in WRITTEN.items():
        for name, text in {"theme.toml": f'name = "{slug}"\n', **files}.items():
            path = folder / slug / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    found: dict[str, list[Fault]] = {path.name: [] for path in [*folder.iterdir(), *THEMES.iterdir()]}
    for fault in check_themes([folder]):
        found[fault.theme].append(fault)
    return found


def _said(faults: list[Fault]) -> list[tuple[str, int, str]]:
    return [(fault.path.name, fault.line, fault.kind) for fault in faults]


def test_theme_that_was_a_500_for_every_customer_is_not_called_sound(faults):
    found = faults["brightwater-sound"]

    assert _said(found) == [
        ("overview.html", 1, "block"),
        ("overview.html", 3, "markup"),
        ("overview.html", 4, "undefined"),
        ("overview.html", 4, "markup"),
    ]
    assert "leaves out the required block title" in found[0].sentence
    assert "customer is not defined" in found[2].sentence and found[2].nearest == "shell.customer_name"


def test_all_faults_of_a_first_try_are_said_in_one_run(faults):
    found = faults["brightwater-first-try"]

    assert _said(found) == [
        ("theme.toml", 5, "file"),
        ("theme.toml", 8, "key"),
        ("theme.toml", 11, "token"),
        ("theme.toml", 12, "contrast"),
        ("theme.toml", 14, "token"),
        ("theme.toml", 15, "token"),
        ("theme.toml", 19, "text"),
        ("theme.toml", 21, "text"),
        ("footer.html", 0, "override"),
        ("overview.html", 1, "block"),
        ("overview.html", 3, "markup"),
        ("overview.html", 4, "undefined"),
        ("overview.html", 5, "undefined"),
        ("overview.html", 5, "markup"),
    ]
    by_line = {fault.line: fault for fault in found if fault.path.suffix == ".toml"}
    assert by_line[8].nearest == "color_primary under [tokens]" and by_line[11].nearest == "color_primary"
    assert "it has ar, de, en, es, fr, pt" in by_line[21].sentence


def test_one_colour_that_fails_is_one_fault_with_the_nearest_that_passes(faults, tmp_path):
    (fault,) = (each for each in faults["brightwater-first-try"] if each.kind == "contrast")

    assert contrast(fault.nearest, "#ffffff") >= 4.5
    assert f'write color_primary = "{fault.nearest}" under [tokens]' in fault.sentence
    assert fault.sentence.count(" on ") == 6
    (tmp_path / "mended").mkdir()
    (tmp_path / "mended" / "theme.toml").write_text(f'name = "M"\n[tokens]\ncolor_primary = "{fault.nearest}"\n')
    assert check_themes([tmp_path], only="mended") == []


def test_names_that_are_not_there_are_said_with_the_nearest(faults):
    found = {(fault.path.name, fault.line): fault for fault in faults["typos"]}

    assert "No filter named 'mony'; did you mean money?" in found["overview.html", 6].sentence
    assert found["statement.html", 6].nearest == "closing"
    seventh = [fault.sentence for fault in faults["typos"] if (fault.path.name, fault.line) == ("statement.html", 7)]
    assert "Period has no field gone" in seventh
    assert "has nothing at [0]" in " ".join(seventh)
    assert len([fault for fault in faults["typos"] if fault.path.name == "people.html"]) == 1
    assert found["people.html", 5].nearest == "components/amount.html"
    assert found["security.html", 5].sentence == "cannot be rendered: ZeroDivisionError: division by zero"
    assert found["receipt.txt", 2].nearest == "amount"
    assert found["theme.toml", 3].nearest == "welcome"


def test_page_is_rendered_in_each_language_of_the_theme(faults):
    assert [fault.line for fault in faults["typos"] if "only_in_french" in fault.sentence] == [5]


def test_name_that_a_template_asks_about_first_is_no_fault(faults):
    assert not [fault for fault in faults["typos"] if fault.path.name == "accessibility.html"]


def test_mail_may_have_styles_but_no_handler_and_no_foreign_picture(faults):
    found = [fault.sentence for fault in faults["typos"] if fault.path.name == "sign_in.html"]

    assert [re.sub(r", which.*", "", sentence) for sentence in found] == [
        "has an event handler in an attribute",
        "loads from a foreign address",
    ]


def test_mail_without_a_subject_is_a_fault(faults):
    assert "subject" in " ".join(fault.sentence for fault in faults["typos"] if fault.path.name == "receipt.txt")


def test_page_that_hides_the_payment_panel_is_a_fault(faults):
    assert any("inside of something hidden" in fault.sentence for fault in faults["hides"])
    assert any("shows the payment panel 0 times" in fault.sentence for fault in faults["drops"])


def test_fault_of_the_toml_does_not_hide_those_of_templates(faults):
    assert [fault.kind for fault in faults["untoml"]] == ["toml", "undefined"]


def test_theme_of_the_documentation_is_sound(faults):
    assert faults["documented"] == []


def test_theme_without_a_fault_is_sound_and_so_are_ours(faults):
    assert [faults[slug] for slug in ("whole", "acme", "base", "savane")] == [[], [], [], []]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('{% extends "overview.html" %}', "extends or includes itself"),
        (LAYOUT + "{{ 9999999999 ** 9999 }}{% endblock %}", "cannot be compiled"),
    ],
)
def test_template_that_no_end_is_found_of_is_a_fault(tmp_path, source, said):
    (tmp_path / "odd" / "templates").mkdir(parents=True)
    (tmp_path / "odd" / "theme.toml").write_text('name = "Odd"\n')
    (tmp_path / "odd" / "templates" / "overview.html").write_text(source)

    found = check_themes([tmp_path], only="odd")

    assert said in found[0].sentence
    assert {fault.path.name for fault in found} == {"overview.html"}
