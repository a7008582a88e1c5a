"""Every page in each of its states, as the templates draw it: valid, named, labelled, in each language and brand."""

from __future__ import annotations

import pytest

from portal.rendering.renderer import Renderer
from portal.theming.themes import ThemeSet
from tests.support.example_pages import example_shell, examples, render_example
from tests.support.page_checks import page_faults

EXAMPLES = list(examples())


@pytest.fixture(scope="module")
def plain_renderer(themes: ThemeSet) -> Renderer:
    """A renderer that stays within the public hooks of Jinja."""
    return Renderer(themes, fast_escaping=False)


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
