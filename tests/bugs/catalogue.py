"""The seeded bugs: each takes one safeguard away, by a change of a few words that has to be there to be made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class TextGone(Exception):
    """What a bug would change is not in the code any more: the catalogue is out of date, and proves nothing."""


@dataclass(frozen=True)
class Change:
    """In `file` every `text` becomes `instead`."""

    file: str
    text: str
    instead: str

    def apply(self, root: Path) -> None:
        """Change the tree at `root`. Raises TextGone."""
        path = root / self.file
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if self.text not in before:
            raise TextGone(f"{self.file} does not say {self.text!r}")
        path.write_text(before.replace(self.text, self.instead), encoding="utf-8")


@dataclass(frozen=True)
class Bug:
    """`likely` are the tests that are run first, as pytest takes them; the whole suite follows where they stay green."""

    name: str
    changes: tuple[Change, ...]
    likely: tuple[str, ...]


_MONEY = "portal/migrations/versions/2026_11_24_money.py"
_OPERATIONS = "portal/payments/operations/paying.py"
_INTENTS = "portal/payments/operations/intents.py"
_SENDING = "portal/payments/operations/sending.py"
_SENDING_RULES = "portal/payments/rules/sending.py"
_AMOUNTS = "portal/payments/rules/amounts.py"
_LEAST = "tests/integration/test_least_amounts.py"
_CALLS = "portal/gateway_calls.py"
_EVENTS = "tests/integration/test_events.py"
_SENT = "tests/integration/test_sending.py"
_UNIT_CALLS = "tests/unit/test_gateway_calls.py"
_PAYING = "tests/integration/test_paying.py"
_RESOLVING = "tests/integration/test_resolving.py"
_WAYS = "tests/integration/test_ways_to_pay.py"
_LEDGER = "tests/integration/test_ledger.py"
_DATABASE = "tests/integration/test_database.py"
_REFUNDING = "tests/integration/test_refunding.py"
_HOST_IDENTITY = "tests/integration/test_host_identity.py"
_SECRETS = "tests/integration/test_sign_in_secrets.py"
_STRANGERS = "tests/integration/test_sign_in_strangers.py"
_COMPARISONS = "tests/integration/test_secret_comparisons.py"
_DOCUMENTS = "tests/integration/test_documents.py"
_POWER_CUTS = "tests/crash/test_power_cuts.py"
_RACES = "tests/integration/test_money_races.py"
_REFUSED_MAIL = "tests/integration/test_refused_mail.py"
_REMINDERS = "tests/integration/test_reminders.py"
_NOTICES_PAGE = "tests/integration/test_pages_notices.py"
_STRAIGHT = "tests/integration/test_pages_straight_to_review.py"
_AFTER_PAY = "tests/integration/test_pages_after_pay.py"
_TRUTH = "tests/integration/test_truth_of_the_pages.py"
_LIVE_TOTALS = "tests/browser/test_live_totals.py"
_BEHAVIOURS = "tests/browser/test_behaviours.py"
_PASTED = "tests/contracts/test_pasted_card_numbers.py"
_CLAIMS = "tests/integration/test_claims.py"


def _bug(name: str, *changes: tuple[str, str, str], likely: tuple[str, ...]) -> Bug:
    return Bug(name, tuple(Change(*change) for change in changes), likely)


def _new_reference(condition: str) -> tuple[tuple[str, str, str], ...]:
    """The changes by which a payment is sent under another reference, where the condition holds."""
    return (
        (
            _SENDING,
            "from dataclasses import dataclass\n",
            "from dataclasses import dataclass, replace\nfrom portal.public_ids import first_id\n",
        ),
        (
            _SENDING,
            "send_request(gateway, claim.request)",
            f'send_request(gateway, replace(claim.request, payment_id=first_id("pay", services.clock.now())) if {condition} else claim.request)',
        ),
    )


BUGS = (
    # --- each change has one event ---
    _bug(
        "a payment's status changes without an event",
        (
            "portal/payments/operations/status.py",
            '    record_status(session, payment, actor=actor, at=at, previous={"status": before}, **details)\n',
            "",
        ),
        likely=(_EVENTS, "tests/simulation/test_simulation.py"),
    ),
    _bug(
        "an invoice takes a status without become",
        (
            "portal/invoices/operations/balance.py",
            "        become(session, invoice, status, actor=actor, at=at, previous=previous)\n",
            "        invoice.status = status.value\n",
        ),
        likely=("tests/contracts/test_events.py", _EVENTS),
    ),
    _bug(
        "no listener hears of an event",
        ("portal/events/operations.py", "        if listener.when(event):\n", "        if False:\n"),
        likely=("tests/integration/test_outcomes.py",),
    ),
    _bug(
        "signals are sent before the commit",
        (
            "portal/events/operations.py",
            "        run_after_commit(session, partial(send_signal, event_id, event))\n",
            "        send_signal(event_id, event)\n",
        ),
        likely=(_EVENTS,),
    ),
    # --- one payment an invoice, one charge a payment ---
    _bug(
        "a payment is locked before its invoices",
        ("portal/payments/operations/outcomes.py", "    lock_invoices_of(session, merchant_id, payment_id)\n", ""),
        likely=("tests/crash/test_crowd.py",),
    ),
    _bug(
        "two attempts of one invoice may be active",
        (
            "portal/payments/models.py",
            '"invoice_id",\n            "slot",\n            unique=True,',
            '"invoice_id",\n            "slot",\n            unique=False,',
        ),
        (
            "portal/migrations/versions/2026_11_21_first_tables.py",
            '["merchant_id", "invoice_id", "slot"],\n            unique=True,',
            '["merchant_id", "invoice_id", "slot"],\n            unique=False,',
        ),
        likely=(_PAYING,),
    ),
    _bug(
        "nothing is reserved at the confirmation",
        (
            _INTENTS,
            "        if not balance.reserve(session, scope.merchant_id, allocation.invoice_id, allocation.amount, at=now):\n",
            "        if False:\n",
        ),
        likely=(_PAYING,),
    ),
    _bug(
        "more is reserved than is left",
        (
            "portal/invoices/operations/balance.py",
            ".where(*_ONE, _INVOICE.status.in_(OUTSTANDING), _FREE >= _BY)",
            ".where(*_ONE, _INVOICE.status.in_(OUTSTANDING))",
        ),
        likely=(_DATABASE, _PAYING),
    ),
    _bug(
        "an older checkout stays open beside a newer one",
        (
            "portal/payments/operations/checkouts.py",
            "        if other.id != except_payment_id:\n",
            "        if other.id == except_payment_id:\n",
        ),
        likely=(_PAYING,),
    ),
    _bug(
        "a request is resent under a new reference",
        *_new_reference("last_sent_at is not None"),
        likely=(_RESOLVING,),
    ),
    _bug(
        "a payment that the worker takes over is sent under a new reference",
        *_new_reference("claim.claimed_at >= claim.confirmed_at + sending.TAKE_OVER_AFTER and last_sent_at is None"),
        likely=(_SENT,),
    ),
    _bug(
        "a payment may be sent a month after the press",
        (_SENDING_RULES, "SEND_WITHIN = timedelta(minutes=10)", "SEND_WITHIN = timedelta(days=30)"),
        likely=(_SENT,),
    ),
    _bug(
        "a process that was stopped sends when it goes on",
        (
            _SENDING,
            "    if not sending.may_send(claim.confirmed_at, claim.claimed_at, services.clock.now()):\n        return\n",
            "",
        ),
        likely=(_SENT,),
    ),
    _bug(
        "several processes send one payment",
        (_SENDING, " or last_sending(payment) != last_sent_at:\n", " or False:\n"),
        likely=(_SENT,),
    ),
    _bug(
        "a request in flight is counted as never sent",
        (_SENDING_RULES, "ARRIVES_WITHIN = timedelta(minutes=3)", "ARRIVES_WITHIN = timedelta(0)"),
        likely=(_SENT,),
    ),
    _bug(
        "a payment that somebody is sending ends as never sent",
        (
            _SENDING,
            'if payment.status == "processing" and last_sending(payment) == last_sent_at:',
            'if payment.status == "processing":',
        ),
        likely=(_SENT,),
    ),
    _bug(
        "nobody carries on a payment that the server left",
        ("portal/worker.py", '    Job("sent", timedelta(seconds=1), send_payments, ORDERS),\n', ""),
        likely=(_SENT, "tests/crash/test_killed.py"),
    ),
    _bug(
        "all threads of a server may wait for gateways",
        (_CALLS, "self._waiting = threading.Semaphore(self.most_waiting)", "self._waiting = threading.Semaphore(999)"),
        likely=(_UNIT_CALLS,),
    ),
    _bug(
        "each call of a request waits two seconds of its own",
        (_CALLS, "        budget.seconds_left -= time.monotonic() - began\n", ""),
        likely=(_UNIT_CALLS,),
    ),
    _bug(
        "a request waits as long as its gateway",
        (_CALLS, "        finished.wait(max(0.0, budget.seconds_left))\n", "        finished.wait()\n"),
        likely=(_UNIT_CALLS,),
    ),
    _bug(
        "a request that may be in flight is resent at once",
        (
            "portal/gateways/polling.py",
            "RESEND_AFTER = timedelta(seconds=10)",
            "RESEND_AFTER = timedelta(0)",
        ),
        likely=(_RESOLVING,),
    ),
    _bug(
        "the gateway is called inside a transaction",
        (
            _SENDING,
            "    outcome = send_request(gateway, claim.request)\n",
            "    with services.database.unit_of_work() as session:\n"
            "        lock_payment(session, merchant_id, payment_id)\n"
            "        outcome = send_request(gateway, claim.request)\n",
        ),
        likely=(_PAYING, _RESOLVING, "tests/simulation/test_simulation.py", _POWER_CUTS),
    ),
    _bug(
        "what a part leaves may be less than is charged",
        (
            _AMOUNTS,
            "    if not limits.allows(total - amount):\n        raise RestTooSmall(limits.least, total - limits.least)\n",
            "",
        ),
        likely=("tests/unit/payments/test_amounts.py", _LEAST),
    ),
    _bug(
        "credit leaves less than is charged",
        (_AMOUNTS, "    if charge == 0 or limits.allows(charge):\n", "    if charge >= 0:\n"),
        likely=("tests/unit/payments/test_amounts.py", _LEAST),
    ),
    _bug(
        "the confirmation takes the gateway's least amount for granted",
        (_INTENTS, "read_amount(payment), credit=credit, limits=limits)", "read_amount(payment), credit=credit)"),
        likely=(_LEAST,),
    ),
    _bug(
        "attempts are without a limit",
        (
            "portal/payments/operations/limits.py",
            "    if wait:\n        raise TooManyAttempts(wait)\n",
            "    if parameters is None:\n        raise TooManyAttempts(wait)\n",
        ),
        likely=(_PAYING,),
    ),
    # --- what an answer means ---
    _bug(
        "an unknown outcome is taken for a failure",
        (
            "portal/payments/rules/statuses.py",
            "        case State.FAILED:\n",
            "        case State.FAILED | State.UNKNOWN:\n",
        ),
        likely=(_RESOLVING,),
    ),
    _bug(
        "a success of another amount is booked",
        (
            "portal/payments/rules/statuses.py",
            "    if outcome.reference != reference or is_other_money:\n",
            "    if outcome.reference != reference:\n",
        ),
        likely=(_RESOLVING,),
    ),
    _bug(
        "another payment's success is booked",
        (
            "portal/payments/rules/statuses.py",
            "    if outcome.reference != reference or is_other_money:\n",
            "    if is_other_money:\n",
        ),
        likely=(_RESOLVING,),
    ),
    _bug(
        "money that comes late is dropped",
        (
            "portal/payments/rules/statuses.py",
            '**{status: frozenset({"complete"}) for status in ENDED_WITHOUT_MONEY},',
            "**{status: frozenset() for status in ENDED_WITHOUT_MONEY},",
        ),
        likely=(_RESOLVING,),
    ),
    _bug(
        "what a failed payment held is not released",
        ("portal/payments/operations/outcomes.py", "        _release(session, payment, at)\n", ""),
        likely=(_PAYING,),
    ),
    _bug(
        "what is confirmed need not be what was shown",
        (
            _INTENTS,
            "    if (version or shown_version(payment.id, chosen, method_id)) != shown_version(payment.id, pricing, method_id):\n",
            "    if pricing is None:\n",
        ),
        likely=(_PAYING, _WAYS),
    ),
    # --- the ledger, credit, refunds ---
    _bug(
        "the ledger may be changed",
        (_MONEY, "    for table in _APPEND_ONLY:\n", "    for table in ():\n"),
        likely=(_LEDGER,),
    ),
    _bug(
        "the database takes transactions that do not sum to zero",
        (_MONEY, "group by currency having sum(amount) <> 0", "group by currency having sum(amount) is null"),
        likely=(_LEDGER,),
    ),
    _bug(
        "a happening is booked twice",
        (
            "portal/ledger/models.py",
            '        sa.UniqueConstraint("merchant_id", "kind", "source", name="uq_ledger_transactions_one_effect"),\n',
            "",
        ),
        (
            _MONEY,
            '        sa.UniqueConstraint("merchant_id", "kind", "source", name="uq_ledger_transactions_one_effect"),\n',
            "",
        ),
        likely=(_LEDGER,),
    ),
    _bug(
        "the links of the chain do not hold on to each other",
        (
            "portal/ledger/rules.py",
            "_sha256(_FORMAT, before.hex(), str(sequence), transaction_digest.hex())",
            "_sha256(_FORMAT, str(sequence), transaction_digest.hex())",
        ),
        likely=(_LEDGER,),
    ),
    _bug(
        "the check of customers' credit is gone",
        (
            "portal/credit/models.py",
            'sa.CheckConstraint("amount_reserved <= amount", name="never_beyond_amount")',
            'sa.CheckConstraint("amount_reserved = amount_reserved", name="never_beyond_amount")',
        ),
        (_MONEY, 'sa.CheckConstraint("amount_reserved <= amount", name', 'sa.CheckConstraint("amount = amount", name'),
        likely=(_RACES,),
    ),
    _bug(
        # Two safeguards overlap here: the condition of the statement, and the check of the table.
        "credit is held that is not there, and no check refuses it",
        (
            "portal/credit/operations.py",
            ".where(*_ONE, _FREE >= _BY).values(amount_reserved",
            ".where(*_ONE).values(amount_reserved",
        ),
        (
            "portal/credit/models.py",
            'sa.CheckConstraint("amount_reserved <= amount", name="never_beyond_amount")',
            'sa.CheckConstraint("amount_reserved = amount_reserved", name="never_beyond_amount")',
        ),
        (_MONEY, 'sa.CheckConstraint("amount_reserved <= amount", name', 'sa.CheckConstraint("amount = amount", name'),
        likely=(_WAYS, _RACES),
    ),
    _bug(
        "more is refunded than was captured",
        (
            "portal/refunds/operations.py",
            "    if not 0 < amount <= left:\n",
            "    if amount <= 0:\n",
        ),
        likely=(_REFUNDING,),
    ),
    _bug(
        "credit that is given back in money stays credit",
        (
            "portal/refunds/operations.py",
            "    taken = _take_credit(session, payment, money, left, actor, now)\n",
            "    taken = Money(0, payment.currency)\n",
        ),
        likely=("tests/integration/test_refunded_credit.py",),
    ),
    _bug(
        "a refund is resent by every caller",
        (
            "portal/refunds/operations.py",
            '        _REFUNDS.c.sent_at.is_not_distinct_from(sa.bindparam("last_sent_at")),\n'
            "        sa.func.coalesce(_REFUNDS.c.sent_at, _REFUNDS.c.created_at) <= "
            'sa.bindparam("sent_before"),\n',
            "",
        ),
        likely=(_REFUNDING,),
    ),
    _bug(
        "money may be a float",
        ("portal/money.py", "type(self.amount) is not int or abs(", "abs("),
        likely=("tests/unit/test_money.py",),
    ),
    # --- the database ---
    _bug(
        "a balance is read, changed and written",
        (
            "portal/invoices/operations/balance.py",
            "    return _changed(session, _RESERVE, merchant_id, invoice_id, amount, at)\n",
            "    reserved = session.execute(sa.select(Invoice.amount_reserved).where("
            "Invoice.merchant_id == merchant_id, Invoice.id == invoice_id)).scalar_one()\n"
            "    changes = _RESERVE.values(amount_reserved=reserved + amount)\n"
            "    return _changed(session, changes, merchant_id, invoice_id, amount, at)\n",
        ),
        likely=(_RACES, _DATABASE),
    ),
    _bug(
        "the write lock is taken late",
        ("portal/database.py", 'connection.exec_driver_sql("BEGIN IMMEDIATE")', 'connection.exec_driver_sql("BEGIN")'),
        likely=(_DATABASE,),
    ),
    _bug(
        "a commit is not on the disk when it is reported",
        ("portal/database.py", '"synchronous=FULL"', '"synchronous=NORMAL"'),
        likely=(_POWER_CUTS, _DATABASE),
    ),
    _bug(
        # Beside it stands the session's tie to its customer, which says the merchant once more.
        "a session of any merchant signs in at this one",
        (
            "portal/sign_in/queries.py",
            'SignInSession.merchant_id == sa.bindparam("merchant_id"),\n'
            '        Customer.merchant_id == sa.bindparam("merchant_id"),\n        SignInSession.token_digest',
            "SignInSession.token_digest",
        ),
        likely=("tests/integration/test_sign_in_sessions.py",),
    ),
    _bug(
        "a customer may confirm another one's payment",
        (
            "portal/payments/operations/locks.py",
            '        Payment.customer_id == sa.bindparam("customer_id"),\n        Payment.id == sa.bindparam("id"),',
            '        Payment.id == sa.bindparam("id"),',
        ),
        likely=(_PAYING,),
    ),
    # --- events ---
    _bug(
        "the signature of an event is not checked",
        ("portal/gateways/sandbox/client.py", "if not hmac.compare_digest(expected, signature):", "if not expected:"),
        likely=("tests/contracts/test_gateways_lists_and_events.py",),
    ),
    _bug(
        "the signature of Stripe's events is compared letter by letter",
        ("portal/gateways/stripe/events.py", "hmac.compare_digest(ours, theirs) for", "ours == theirs for"),
        likely=(_COMPARISONS,),
    ),
    _bug(
        "the signature of an event is compared letter by letter",
        ("portal/gateways/sandbox/client.py", "not hmac.compare_digest(expected, signature)", "expected != signature"),
        likely=(_COMPARISONS,),
    ),
    # --- the worker's queues ---
    _bug(
        "a row is claimed that is not due any more",
        (
            "portal/claims.py",
            "        .where(queue.is_due)\n        # And unchanged",
            "        # And unchanged",
        ),
        likely=(_CLAIMS,),
    ),
    _bug(
        "a row is claimed that another worker has claimed",
        (
            "portal/claims.py",
            '        .where(*(table.c[name].is_not_distinct_from(sa.bindparam(f"before_{name}")) for name in changed))\n',
            "",
        ),
        likely=(_CLAIMS,),
    ),
    _bug(
        "an invoice that is being paid can be voided",
        (
            "portal/invoices/operations/invoices.py",
            "    if invoice.amount_reserved:\n        raise PaymentInProgress\n",
            "",
        ),
        likely=("tests/integration/test_invoices_written.py",),
    ),
    _bug(
        "a voided invoice is owed in the ledger for ever",
        (
            "portal/invoices/operations/invoices.py",
            "        post(session, merchant_id, invoice_voided(invoice.customer_id, invoice.id, due, at=at))\n",
            "        assert due\n",
        ),
        likely=("tests/integration/test_invoices_written.py",),
    ),
    _bug(
        "a session of a blocked customer comes back when it is unblocked",
        (
            "portal/sign_in/operations/access.py",
            "    is_changed = mark_blocked(session, scope, actor=actor, at=at)\n    end_access(session, scope, actor=actor, at=at)\n",
            "    is_changed = mark_blocked(session, scope, actor=actor, at=at)\n",
        ),
        likely=("tests/integration/test_customers.py",),
    ),
    _bug(
        "an update gives a customer what another one has",
        (
            "portal/customers/operations.py",
            "    _refuse_duplicates(session, merchant_id, changes, unique, but=customer_id)\n",
            "    assert unique\n",
        ),
        likely=("tests/integration/test_customers.py",),
    ),
    _bug(
        "customers of one address are created at once",
        ("portal/customers/operations.py", "    lock_merchant(session, merchant_id)\n", ""),
        likely=(_HOST_IDENTITY,),
    ),
    _bug(
        "the host's log-out leaves the portal signed in",
        (
            "portal/customer_pages/identification.py",
            "        if before is not None and before.kind in OF_HOST:\n            _end(runtime, before)\n",
            "",
        ),
        likely=(_HOST_IDENTITY,),
    ),
    _bug(
        "a session of a URL of the host is one of the API",
        ("portal/sign_in/operations/portal_sessions.py", "kind=used.kind,", 'kind="api",'),
        likely=(_HOST_IDENTITY,),
    ),
    _bug(
        "an address that the host has not verified names a customer",
        (
            "portal/host_identity.py",
            "    if customer.email is not None and not customer.is_verified:\n        return []\n",
            "",
        ),
        likely=(_HOST_IDENTITY,),
    ),
    _bug(
        "an address that folds to the same key names a customer",
        (
            "portal/customers/queries/accounts.py",
            "return [account for account in accounts if is_same_mailbox(account.email, name.email)]",
            "return accounts",
        ),
        likely=(_HOST_IDENTITY,),
    ),
    _bug(
        "the form of another customer's page is carried out for whom the host names",
        (
            "portal/customer_pages/guard.py",
            "    if follow_host(runtime, request) and request.method not in SAFE_METHODS:",
            "    if follow_host(runtime, request) and not request:",
        ),
        likely=(_HOST_IDENTITY,),
    ),
    _bug(
        "the host is asked before a request of another site is refused",
        (
            "portal/customer_pages/guard.py",
            "    load_session()\n    refuse_foreign(runtime, request)\n",
            "    load_session()\n    follow_host(runtime, request)\n    refuse_foreign(runtime, request)\n",
        ),
        likely=(_HOST_IDENTITY,),
    ),
    _bug(
        "a page shows who was signed in while the host fails",
        (
            "portal/customer_pages/identification.py",
            "    _sign_in(None)\n    current_g().is_host_asked = True\n",
            "    current_g().is_host_asked = True\n",
        ),
        likely=(_HOST_IDENTITY,),
    ),
    _bug(
        "a page of an error shows whom the host does not name",
        (
            "portal/customer_pages/error_pages.py",
            "            hide_who_is_not_named(runtime, current_request())\n",
            "            pass\n",
        ),
        likely=(_HOST_IDENTITY,),
    ),
    _bug(
        "a host whose contexts are left behind takes our request along",
        ("portal/host_identity.py", "return copy_context().run(ask)", "return ask()"),
        likely=(_HOST_IDENTITY,),
    ),
    _bug(
        "the host reads the body that is ours",
        (
            "portal/host_identity.py",
            'environ.update({"wsgi.input": BytesIO(), "CONTENT_LENGTH": "0"})',
            "environ.update({})",
        ),
        likely=(_HOST_IDENTITY,),
    ),
    _bug(
        "a URL that nobody used yet outlives the end of the sessions",
        ("portal/sign_in/operations/access.py", "    expire_portal_sessions(session, scope, at=at)\n", ""),
        likely=(_HOST_IDENTITY,),
    ),
    _bug(
        "a checkout that ended meanwhile is ended again",
        ("portal/payments/jobs.py", 'if payment.status != "incomplete" or payment.expires_at > at:', "if False:"),
        likely=(_RESOLVING,),
    ),
    # --- signing in ---
    _bug(
        "opening a sign-in link uses it up",
        (
            "portal/sign_in/views/links.py",
            "        target = page_builders.build_target(challenge.target)\n",
            "        target = page_builders.build_target(challenge.target)\n    services.database.run(lambda session: operations.use_link("
            "session, services.settings, g.merchant.id, current_visitor(), challenge_id=challenge_id, at=now()))\n"
            "    with services.database.read() as reader:\n",
        ),
        likely=("tests/integration/test_sign_in_link.py",),
    ),
    _bug(
        "wrong codes are not counted",
        (
            "portal/sign_in/operations/budgets.py",
            "is_judged=own.count <= settings.sign_in_tries",
            "is_judged=True",
        ),
        likely=("tests/integration/test_sign_in_code.py",),
    ),
    _bug(
        "another mail renews the tries of a browser",
        (
            "portal/sign_in/operations/requesting.py",
            "    count_request(session, settings, asker, at)\n",
            "    count_request(session, settings, asker, at)\n"
            "    from portal.sign_in.operations.limits import reset_count\n\n"
            '    reset_count(session, merchant_id, asker.key("code-browser"))\n',
        ),
        likely=("tests/integration/test_sign_in_code.py",),
    ),
    _bug(
        "each request has a link and a code of its own",
        (
            "portal/sign_in/operations/requesting.py",
            "is_joinable=True,\n",
            "is_joinable=False,\n",
        ),
        likely=(_STRANGERS,),
    ),
    _bug(
        "a browser is known in which somebody else was signed in",
        (
            "portal/sign_in/queries.py",
            "    return any(account.id in customer_ids for account in accounts)\n",
            "    return bool(customer_ids)\n",
        ),
        likely=(_STRANGERS,),
    ),
    _bug(
        "the page of a link posts itself wherever it is opened",
        (
            "portal/sign_in/views/links.py",
            "challenge.is_requested_here and not is_from_another_site(current_runtime(), request)",
            "True",
        ),
        likely=("tests/integration/test_sign_in_link.py",),
    ),
    _bug(
        "a mail signs in whoever has the mailbox that its customer has moved to",
        (
            "portal/sign_in/queries.py",
            "        if is_address_digest(keys, merchant_id, mailbox_of(account.email), digest=digest)\n",
            "",
        ),
        likely=(_STRANGERS,),
    ),
    _bug(
        "codes and links are compared letter by letter",
        (
            "portal/sign_in/rules/tokens.py",
            "return sum(hmac.compare_digest(given, one) for one in expected) > 0",
            "return given in expected",
        ),
        likely=(_COMPARISONS,),
    ),
    _bug(
        "tokens of sessions are stored as they are",
        (
            "portal/sign_in/rules/tokens.py",
            'return sha256(token.encode("utf-8", "replace")).digest()',
            'return token.encode("utf-8", "replace")',
        ),
        likely=(_SECRETS, "tests/integration/test_sign_in_sessions.py"),
    ),
    _bug(
        "forms of other sites are taken",
        ("portal/customer_pages/guard.py", "    if not is_own_page:\n", "    if is_own_page is None:\n"),
        likely=("tests/integration/test_web_requests.py", "tests/integration/test_web_errors.py"),
    ),
    # --- notices ---
    _bug(
        "an invoice that is being paid is reminded of",
        (
            "portal/emails/invoice_notices.py",
            "    if invoice is None or not is_payable(invoice.status, invoice.amount_due, invoice.amount_reserved):\n        return None\n"
            "    customer",
            "    if invoice is None or not is_payable(invoice.status, invoice.amount_due, 0):\n        return None\n    customer",
        ),
        likely=(_REMINDERS,),
    ),
    _bug(
        "a worker that was off reminds of each day it missed",
        (
            "portal/notices/rules.py",
            "            first = max(first, today - timedelta(days_of_reminders[place + 1] - 1))\n",
            "            pass\n",
        ),
        likely=("tests/unit/notices/test_rules.py",),
    ),
    _bug(
        "an import of old invoices mails everybody",
        ("portal/notices/queries.py", "    if not with_imported:\n", "    if with_imported is None:\n"),
        likely=(_REMINDERS,),
    ),
    _bug(
        "any link stops the mails of any customer",
        ("portal/notices/rules.py", "    return _is_one_of(claim.proof, expected)\n", "    return bool(expected)\n"),
        likely=("tests/unit/notices/test_rules.py",),
    ),
    _bug(
        "copies go to an address that has not agreed",
        (
            "portal/emails/notices.py",
            "if copy.agreed_at is not None and copy.ended_at is None]",
            "if copy.ended_at is None]",
        ),
        likely=(_NOTICES_PAGE,),
    ),
    _bug(
        "every public form may be posted by other sites",
        ("portal/customer_pages/guard.py", "is Policy.MAILED_LINK", "is not Policy.SIGNED_IN"),
        likely=(_NOTICES_PAGE, "tests/contracts/test_routes.py"),
    ),
    _bug(
        "a customer's own browser is a new device each time",
        (
            "portal/sign_in/operations/sessions.py",
            ' and token_digest(visitor.known_browser or "") not in known\n',
            "\n",
        ),
        likely=("tests/integration/test_notices.py",),
    ),
    # --- mail ---
    _bug(
        "a mail that the server refuses for good is tried again",
        ("portal/emails/delivery.py", "    return 500 <= code < 600\n", "    return code == 554\n"),
        likely=(_REFUSED_MAIL,),
    ),
    _bug(
        "an address beyond ASCII is sent to a server without SMTPUTF8",
        ("portal/emails/delivery.py", 'not server.has_extn("smtputf8")', "not server"),
        likely=(_REFUSED_MAIL,),
    ),
    _bug(
        "a mail that the server took is sent again when the session ends badly",
        ("portal/emails/delivery.py", "        with suppress(OSError):", "        with suppress(ValueError):"),
        likely=(_REFUSED_MAIL,),
    ),
    # --- files of other systems ---
    _bug(
        "an amount with two readings is guessed",
        (
            "portal/importing/rules/amounts.py",
            "        _refuse_two_readings(field, text, decimals)\n",
            "        pass\n",
        ),
        likely=("tests/unit/importing/test_amounts.py", "tests/integration/test_import_cases.py"),
    ),
    _bug(
        "a reference of a file may be two people",
        (
            "portal/importing/operations/spool.py",
            "rows.email_key <> first.email_key",
            "rows.email_key <> rows.email_key",
        ),
        likely=("tests/unit/importing/test_spool.py", "tests/integration/test_import_people.py"),
    ),
    _bug(
        "a reference that is here gets somebody else's invoices",
        (
            "portal/importing/operations/invoices.py",
            "        if conflict is not None:\n            results",
            "        if False:\n            results",
        ),
        likely=("tests/integration/test_import_people.py",),
    ),
    _bug(
        "an address becomes a second customer's",
        (
            "portal/importing/operations/customers.py",
            "            if others and not has_it:\n",
            "            if others and has_it and not others:\n",
        ),
        likely=("tests/integration/test_import_customers.py",),
    ),
    _bug(
        "a broken quote swallows whole rows",
        (
            "portal/importing/operations/csv_reader.py",
            "    if cells is None or swallowed:\n",
            "    if cells is None:\n",
        ),
        likely=("tests/unit/importing/test_reading.py",),
    ),
    _bug(
        "an invoice is imported without a row that could not be read",
        (
            "portal/importing/rules/invoice_rows.py",
            "    if group.spoilt_by is not None:\n        return _all_refused(group, _not_without(group.spoilt_by))\n",
            "",
        ),
        likely=("tests/unit/importing/test_invoice_rows.py", "tests/integration/test_import_people.py"),
    ),
    _bug(
        "a file's payment is booked beside one that was made here",
        (
            "portal/importing/rules/invoice_changes.py",
            "    if payment > 0 and here.paid != here.imported:\n",
            "    if payment < 0 and here.paid != here.imported:\n",
        ),
        likely=("tests/unit/importing/test_settlements.py", "tests/integration/test_import_invoices.py"),
    ),
    _bug(
        "an import is undone whose invoices were paid",
        (
            "portal/importing/operations/undoing.py",
            "    if used:\n        more",
            "    if False:\n        more",
        ),
        likely=("tests/integration/test_import_undo.py",),
    ),
    # --- what the pages say about money ---
    _bug(
        "the total of the choice forgets the credit",
        (
            "portal/checkout/page_builders.py",
            "pricing.total, pricing.credit, pricing.charge, rest",
            "pricing.total, pricing.credit, pricing.total, rest",
        ),
        likely=(_STRAIGHT,),
    ),
    _bug(
        "the live total of the choice forgets the credit",
        ("static/js/behaviours/sum.js", "Math.max(0, amount - available)", "amount"),
        likely=(_LIVE_TOTALS,),
    ),
    _bug(
        "the live total lets credit leave less than the gateway charges",
        ("static/js/behaviours/sum.js", "if (rest === 0 || canCharge(rest)) return rest;", "return rest;"),
        likely=(_LIVE_TOTALS,),
    ),
    _bug(
        "the live limits are those of the invoices that were chosen before",
        ("static/js/behaviours/sum.js", 'event.target.name === "invoice" && renew()', "false"),
        likely=(_LIVE_TOTALS,),
    ),
    _bug(
        "without scripts the button keeps the amount of a choice that was changed",
        ("static/css/components.css", ".if-known { display: none; } .if-unknown { display: revert; }", ""),
        likely=(_LIVE_TOTALS,),
    ),
    _bug(
        "nothing to pay, with a tick, while something is on its way",
        (
            "portal/overview/page_builders.py",
            'return "on_its_way" if is_held or any(each.count for each in under_way) else "settled"',
            'return "settled"',
        ),
        likely=(_TRUTH,),
    ),
    _bug(
        "Pay on an invoice says no amount",
        (
            "templates/invoices/detail.html",
            '_("Pay %(amount)s", amount=amount_of(amount=page.amount_left, currency=page.currency))',
            '_("Pay")',
        ),
        likely=(_STRAIGHT,),
    ),
    _bug(
        "the button of the choice says no amount",
        ("templates/checkout/choose.html", "amount=button_amount()", 'amount=""'),
        likely=(_STRAIGHT,),
    ),
    _bug(
        "Pay with a default method leads to the choice first",
        ("portal/checkout/views/choose.py", "if method_id is None or not (", "if method_id or not ("),
        likely=(_STRAIGHT,),
    ),
    _bug(
        "a receipt is promised to an address that there is not",
        ("portal/payments/page_builders.py", 'receipt=(receipt or "") if is_new else ""', 'receipt="sent"'),
        likely=(_AFTER_PAY,),
    ),
    _bug(
        "Pay takes a press as soon as its page is opened",
        ("static/css/components.css", "animation: too-soon 600ms !important; ", ""),
        likely=(_BEHAVIOURS,),
    ),
    _bug(
        "Pay takes a press as soon as it comes into view",
        ("static/js/behaviours/settle.js", 'button.dataset.new = "";', ""),
        likely=(_BEHAVIOURS,),
    ),
    # --- card numbers ---
    _bug(
        "a card number pasted into an amount throws the form away",
        (
            "portal/checkout/views/choose.py",
            'fields=("amount", "first_amount", "phone")',
            'fields=("first_amount", "phone")',
        ),
        likely=(_PASTED,),
    ),
    _bug(
        "a pasted card number stays in its field",
        ("portal/web/card_numbers.py", '"" if name in pasted else value', "value"),
        likely=(_PASTED,),
    ),
    _bug(
        "a card number in a gateway's words is kept",
        (
            "portal/payments/operations/outcomes.py",
            "mask_card_numbers(outcome.failure_message) if outcome.failure_message else None",
            "outcome.failure_message",
        ),
        likely=(_PAYING,),
    ),
    _bug(
        "a card number is logged",
        ("portal/json_logs.py", "        return mask_card_numbers(value)\n", "        return value\n"),
        likely=("tests/unit/test_json_logs.py",),
    ),
    # --- papers ---
    _bug(
        "a paper is fixed anew each time it is asked for",
        (
            "portal/documents/operations.py",
            "    if list_fixed(session, MerchantScope(merchant.id), [issue.object_id]):\n        return\n",
            "    forget_papers(session, merchant.id, [issue.object_id])\n",
        ),
        (
            "portal/documents/views.py",
            "    if paper is None:\n        _fix(services",
            "    if True:\n        _fix(services",
        ),
        likely=(_DOCUMENTS,),
    ),
    _bug(
        "one invoice of somebody else is left out of a ZIP without a word",
        (
            "portal/documents/views.py",
            "    if len(found) != len(wanted):\n        raise NotFound\n",
            "    wanted = [each for each in wanted if each in found]\n",
        ),
        likely=(_DOCUMENTS,),
    ),
    _bug(
        "a payment without money has a receipt",
        ("portal/documents/views.py", "    if payment.status not in CAPTURED:\n        raise NotFound\n", ""),
        likely=(_DOCUMENTS,),
    ),
    _bug(
        "a text on a paper turns the direction of what follows",
        ("portal/documents/rules.py", ".translate(_DIRECTIONS)", ""),
        likely=("tests/unit/test_papers.py",),
    ),
    _bug(
        "a ZIP that nobody reads keeps its place",
        ("portal/documents/archives.py", "            place.__exit__(None, None, None)\n", "            pass\n"),
        likely=(_DOCUMENTS,),
    ),
)
