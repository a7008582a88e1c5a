"""Seeded bugs: the worker's queues and lanes, and the calls that requests leave to it."""

from __future__ import annotations

from tests.bugs.catalogue.bug import Bug, bug

_RESOLVING = "tests/integration/test_resolving.py"
_HOST_IDENTITY = (
    "tests/integration/test_host_identity.py",
    "tests/integration/test_host_identity_requests.py",
    "tests/integration/test_host_identity_customers.py",
)
_CLAIMS = "tests/integration/test_claims.py"
_SENT = "tests/integration/test_sending.py"


BUGS: tuple[Bug, ...] = (
    bug(
        "a row is claimed that is not due any more",
        (
            "portal/claims.py",
            "        .where(queue.is_due)\n        # And unchanged",
            "        # And unchanged",
        ),
        likely=(_CLAIMS,),
    ),
    bug(
        "a row is claimed that another worker has claimed",
        (
            "portal/claims.py",
            '        .where(*(table.c[name].is_not_distinct_from(sa.bindparam(f"before_{name}")) for name in changed))\n',
            "",
        ),
        likely=(_CLAIMS,),
    ),
    bug(
        "an invoice that is being paid can be voided",
        (
            "portal/invoices/operations/invoices.py",
            "    if invoice.amount_reserved:\n        raise PaymentInProgress\n",
            "",
        ),
        likely=("tests/integration/test_invoices_written.py",),
    ),
    bug(
        "a voided invoice is owed in the ledger for ever",
        (
            "portal/invoices/operations/invoices.py",
            "        post(session, merchant_id, invoice_voided(invoice.customer_id, invoice.id, due, at=at))\n",
            "        assert due\n",
        ),
        likely=("tests/integration/test_invoices_written.py",),
    ),
    bug(
        "a session of a blocked customer comes back when it is unblocked",
        (
            "portal/sign_in/operations/access.py",
            "    is_changed = mark_blocked(session, scope, actor=actor, at=at)\n    end_access(session, scope, actor=actor, at=at)\n",
            "    is_changed = mark_blocked(session, scope, actor=actor, at=at)\n",
        ),
        likely=("tests/integration/test_customers.py",),
    ),
    bug(
        "an update gives a customer what another one has",
        (
            "portal/customers/operations.py",
            "    _refuse_duplicates(session, merchant_id, changes, unique, but=customer_id)\n",
            "    assert unique\n",
        ),
        likely=("tests/integration/test_customers.py",),
    ),
    bug(
        "customers of one address are created at once",
        ("portal/customers/operations.py", "    lock_merchant(session, merchant_id)\n", ""),
        likely=_HOST_IDENTITY,
    ),
    bug(
        "the host's log-out leaves the portal signed in",
        (
            "portal/customer_pages/identification.py",
            "        if before is not None and before.kind in OF_HOST:\n            _end(runtime, before)\n",
            "",
        ),
        likely=_HOST_IDENTITY,
    ),
    bug(
        "a session of a URL of the host is one of the API",
        ("portal/sign_in/operations/portal_sessions.py", "kind=used.kind,", 'kind="api",'),
        likely=_HOST_IDENTITY,
    ),
    bug(
        "an address that the host has not verified names a customer",
        (
            "portal/host_identity.py",
            "    if customer.email is not None and not customer.is_verified:\n        return []\n",
            "",
        ),
        likely=_HOST_IDENTITY,
    ),
    bug(
        "an address that folds to the same key names a customer",
        (
            "portal/customers/queries/accounts.py",
            "return [account for account in accounts if is_same_mailbox(account.email, name.email)]",
            "return accounts",
        ),
        likely=_HOST_IDENTITY,
    ),
    bug(
        "the form of another customer's page is carried out for whom the host names",
        (
            "portal/customer_pages/guard.py",
            "    if follow_host(runtime, request) and request.method not in SAFE_METHODS:",
            "    if follow_host(runtime, request) and not request:",
        ),
        likely=_HOST_IDENTITY,
    ),
    bug(
        "the host is asked before a request of another site is refused",
        (
            "portal/customer_pages/guard.py",
            "    load_session()\n    refuse_foreign(runtime, request)\n",
            "    load_session()\n    follow_host(runtime, request)\n    refuse_foreign(runtime, request)\n",
        ),
        likely=_HOST_IDENTITY,
    ),
    bug(
        "a page shows who was signed in while the host fails",
        (
            "portal/customer_pages/identification.py",
            "    _sign_in(None)\n    current_g().is_host_asked = True\n",
            "    current_g().is_host_asked = True\n",
        ),
        likely=_HOST_IDENTITY,
    ),
    bug(
        "a page of an error shows whom the host does not name",
        (
            "portal/customer_pages/error_pages.py",
            "            hide_who_is_not_named(runtime, current_request())\n",
            "            pass\n",
        ),
        likely=_HOST_IDENTITY,
    ),
    bug(
        "a host whose contexts are left behind takes our request along",
        ("portal/host_identity.py", "return copy_context().run(ask)", "return ask()"),
        likely=_HOST_IDENTITY,
    ),
    bug(
        "the host reads the body that is ours",
        (
            "portal/host_identity.py",
            'environ.update({"wsgi.input": BytesIO(), "CONTENT_LENGTH": "0"})',
            "environ.update({})",
        ),
        likely=_HOST_IDENTITY,
    ),
    bug(
        "a URL that nobody used yet outlives the end of the sessions",
        ("portal/sign_in/operations/access.py", "    expire_portal_sessions(session, scope, at=at)\n", ""),
        likely=_HOST_IDENTITY,
    ),
    bug(
        "a checkout that ended meanwhile is ended again",
        ("portal/payments/jobs.py", 'if payment.status != "incomplete" or payment.expires_at > at:', "if False:"),
        likely=(_RESOLVING,),
    ),
    bug(
        "one merchant may have every thread of a lane",
        ("portal/gateway_calls.py", "count >= 2 * self._free", "count >= 2 * self._most"),
        likely=(_SENT,),
    ),
    bug(
        "payments of a merchant that has to wait are claimed",
        ("portal/claims.py", "    if except_merchants:\n", "    if not except_merchants:\n"),
        likely=(_CLAIMS, _SENT),
    ),
)
