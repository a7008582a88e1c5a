"""The gateway's start page: the test numbers, what each of them does, and the control requests."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template
from werkzeug.wrappers import Response as AnyResponse

from portal.sandbox_gateway.outcomes import SANDBOX_CARDS
from portal.sandbox_gateway.texts import TEXTS

blueprint = Blueprint("start_page", __name__)


@blueprint.get("/")
def show_start_page() -> str:
    return render_template("start.html", locale="en", texts=TEXTS["en"], cards=SANDBOX_CARDS)


@blueprint.get("/favicon.ico")
def redirect_favicon() -> AnyResponse:
    return redirect("/static/favicon.svg", 301)
