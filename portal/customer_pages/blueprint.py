"""The one blueprint with all pages of a merchant; each domain adds its own routes."""

from __future__ import annotations

from flask import Blueprint, Flask
from flask.blueprints import BlueprintSetupState

from portal.accessibility.views import add_routes as add_accessibility
from portal.checkout.views.review import add_routes as add_checkout
from portal.customer_pages.error_pages import register_errors
from portal.customer_pages.guard import open_request
from portal.customers.views import add_routes as add_details
from portal.documents.views import add_routes as add_documents
from portal.guest_checkout.views.payments import add_routes as add_pay_links
from portal.invoices.views import add_routes as add_invoices
from portal.notices.views import add_routes as add_notices
from portal.overview.views import add_routes as add_overview
from portal.payment_methods.views.methods import add_routes as add_payment_methods
from portal.payments.views import add_routes as add_payments
from portal.people.views import add_routes as add_people
from portal.privacy.views import add_routes as add_privacy
from portal.questions.views import add_routes as add_questions
from portal.security.views import add_routes as add_security
from portal.sign_in.views.confirming import add_routes as add_confirming
from portal.sign_in.views.email_changes import add_routes as add_email_changes
from portal.sign_in.views.signing_in import add_routes as add_sign_in
from portal.sign_in.views.switching import add_routes as add_switching
from portal.statement.views import add_routes as add_statement
from portal.web.policies import collect_by_notice, collect_policies, collect_rights
from portal.web.runtime import EXTENSION, PAGES, Runtime

_NAV = (
    "invoices", "payments", "payment-methods", "details", "statement", "people", "notices", "security", "privacy", "accounts",
)  # fmt: skip


def create_blueprint(runtime: Runtime) -> Blueprint:
    """Return the blueprint of all pages. Registering it stores the runtime in the application and checks that every page has a policy."""
    blueprint = Blueprint(PAGES, __name__)
    for add_routes in (
        add_sign_in, add_overview, add_invoices, add_payments, add_documents, add_checkout, add_payment_methods, add_details,
        add_statement, add_security, add_confirming, add_email_changes, add_questions,
        add_accessibility, add_pay_links, add_notices, add_people, add_switching, add_privacy,
    ):  # fmt: skip
        add_routes(blueprint)
    blueprint.before_request(open_request)
    register_errors(blueprint)
    blueprint.record(lambda state: _finish_registration(state, runtime))
    return blueprint


def _finish_registration(state: BlueprintSetupState, runtime: Runtime) -> None:
    assert isinstance(state.app, Flask)
    state.app.extensions[EXTENSION] = runtime
    runtime.policies |= collect_policies(state.app, prefix=f"{PAGES}.")
    runtime.rights |= collect_rights(state.app, prefix=f"{PAGES}.")
    runtime.by_notice |= collect_by_notice(state.app, prefix=f"{PAGES}.")
    prefix = state.url_prefix or ""
    if runtime.merchant is not None:
        runtime.prefix = prefix
    for rule in state.app.url_map.iter_rules():
        if rule.endpoint.startswith(f"{PAGES}."):
            part = rule.rule.removeprefix(prefix).strip("/").partition("/")[0].partition(".")[0]
            runtime.nav[rule.endpoint] = "overview" if not part else part.replace("-", "_") if part in _NAV else ""
