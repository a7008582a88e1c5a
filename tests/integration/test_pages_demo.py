"""The demo's own start page, and the limits that a machine which plays all its customers must not meet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from portal.demo.command import RAISED
from portal.demo.example_data import STORIES, Story
from portal.services import Services
from portal.settings import Settings
from tests.conftest import SECRET_KEY
from tests.support.accounts import make_account
from tests.support.apps import app_on
from tests.support.page_client import PageClient


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.slug)
def test_start_page_names_everybody_of_the_story_and_what_each_shows(
    services: Services, tmp_path: Path, story: Story
) -> None:
    people = [*story.customers, story.chooser, story.newcomer]
    merchant_id = ""
    for details in people:
        account = make_account(services, story.slug, merchant_id=merchant_id, name=details.name, email=details.email)
        merchant_id = account.scope.merchant_id

    demo = services.settings.model_copy(update={"demo": True, "demo_mail_dir": str(tmp_path)})
    page = PageClient(app_on(replace(services, settings=demo)).test_client()).get("/")

    assert all((details.name or "") in page.text and (details.email or "") in page.text for details in people)
    assert "Every way to pay: a deposit" in page.text
    assert "New here" in page.text


def test_one_telephone_may_be_asked_again_and_again_in_the_demo() -> None:
    usual, raised = (
        Settings.load({"PORTAL_SECRET_KEY": SECRET_KEY}),
        Settings.load({"PORTAL_SECRET_KEY": SECRET_KEY, **RAISED}),
    )

    assert raised.payment_prompts_per_phone_per_hour == raised.payment_attempts_per_customer_per_hour == 1000
    assert usual.payment_prompts_per_phone_per_hour == 6
