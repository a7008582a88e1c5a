"""The accessibility statement."""

from __future__ import annotations

from flask import Blueprint, Response, g

from portal.accessibility.pages import AccessibilityPage
from portal.web.policies import public
from portal.web.render import render_page


def add_routes(blueprint: Blueprint) -> None:
    """The address of the statement."""
    blueprint.add_url_rule("/accessibility", "accessibility", accessibility)


@public
def accessibility() -> Response:
    """What was tried and how, and what may not work: what it says is what `tests/browser` does."""
    return render_page("accessibility.html", AccessibilityPage(g.shell.support_email or None))
