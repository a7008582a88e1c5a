"""The demo's start page, and the limits that it raises because all its customers share one IP address."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from portal.demo.example_data import EXAMPLE_MERCHANTS, ExampleMerchant
from portal.demo.processes import RAISED_LIMITS
from portal.services import Services
from portal.settings import Settings
from tests.conftest import SECRET_KEY
from tests.support.accounts import make_account
from tests.support.apps import app_on
from tests.support.page_client import PageClient


@pytest.mark.parametrize("example", EXAMPLE_MERCHANTS, ids=lambda example: example.slug)
def test_start_page_lists_the_example_customers_with_a_description(
    services: Services, tmp_path: Path, example: ExampleMerchant
) -> None:
    customers = [*example.customers, example.options_customer, example.new_customer]
    merchant_id = ""
    for details in customers:
        account = make_account(services, example.slug, merchant_id=merchant_id, name=details.name, email=details.email)
        merchant_id = account.scope.merchant_id

    demo = services.settings.model_copy(update={"demo": True, "demo_mail_dir": str(tmp_path)})
    page = PageClient(app_on(replace(services, settings=demo)).test_client()).get("/")

    assert all((details.name or "") in page.text and (details.email or "") in page.text for details in customers)
    assert "Every way to pay: a deposit" in page.text
    assert "New here" in page.text


def test_demo_raises_the_limit_of_prompts_to_one_phone() -> None:
    usual, raised = (
        Settings.load({"PORTAL_SECRET_KEY": SECRET_KEY}),
        Settings.load({"PORTAL_SECRET_KEY": SECRET_KEY, **RAISED_LIMITS}),
    )

    assert raised.payment_prompts_per_phone_per_hour == raised.payment_attempts_per_customer_per_hour == 1000
    assert usual.payment_prompts_per_phone_per_hour == 6
