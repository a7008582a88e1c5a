"""Bugs of notices: who is mailed about what, and what a link in a mail may do."""

from __future__ import annotations

from tests.bugs.catalogue.bug import Bug, bug

_REMINDERS = "tests/integration/test_reminders.py"
_NOTICES_PAGE = "tests/integration/test_pages_notices.py"

_MAILED_LINKS = "tests/integration/test_mailed_links.py"

BUGS: tuple[Bug, ...] = (
    bug(
        "the link of a notice signs in twice",
        (
            "portal/sign_in/operations/mailed_links.py",
            "            MailedLink.used_at.is_(None),\n            MailedLink.expires_at > at,\n            MailedLink.mailed_at",
            "            MailedLink.expires_at > at,\n            MailedLink.mailed_at",
        ),
        ("portal/sign_in/queries/mailed_links.py", "return self.used_at is None and has_begun", "return has_begun"),
        likely=(_MAILED_LINKS,),
    ),
    bug(
        "a notice that is sent again to another mailbox revives the link of the first",
        (
            "portal/sign_in/operations/mailed_links.py",
            "                MailedLink.address_digest == digest,\n            ),",
            "            ),",
        ),
        likely=(_MAILED_LINKS,),
    ),
    bug(
        "the link of a notice opens every page",
        (
            "portal/customer_pages/guard.py",
            "signed_in.is_by_notice and endpoint not in runtime.by_notice:",
            "signed_in.is_by_notice and endpoint not in runtime.policies:",
        ),
        likely=("tests/contracts/test_routes.py",),
    ),
    bug(
        "who came by the link of a notice confirms a saved method of another session",
        (
            "portal/checkout/views/review.py",
            "if not can_use_methods() and _is_with_saved_method",
            "if False and _is_with_saved_method",
        ),
        likely=(_MAILED_LINKS,),
    ),
    bug(
        "an invoice that is being paid is reminded of",
        (
            "portal/emails/invoice_notices.py",
            "    if invoice is None or not is_payable(invoice.status, invoice.amount_due, invoice.amount_reserved):\n        return None\n"
            "    customer",
            "    if invoice is None or not is_payable(invoice.status, invoice.amount_due, 0):\n        return None\n    customer",
        ),
        likely=(_REMINDERS,),
    ),
    bug(
        "a worker that was off reminds of each day it missed",
        (
            "portal/notices/rules.py",
            "            first = max(first, today - timedelta(days_of_reminders[place + 1] - 1))\n",
            "            pass\n",
        ),
        likely=("tests/unit/notices/test_rules.py",),
    ),
    bug(
        "an import of old invoices mails everybody",
        ("portal/notices/queries.py", "    if not with_imported:\n", "    if with_imported is None:\n"),
        likely=(_REMINDERS,),
    ),
    bug(
        "any link stops the mails of any customer",
        ("portal/notices/rules.py", "    return _is_one_of(claim.proof, expected)\n", "    return bool(expected)\n"),
        likely=("tests/unit/notices/test_rules.py",),
    ),
    bug(
        "copies go to an address that has not agreed",
        (
            "portal/emails/notices.py",
            "    return copy.agreed_at is not None and copy.ended_at is None\n",
            "    return copy.ended_at is None\n",
        ),
        likely=("tests/integration/test_notice_copies.py",),
    ),
    bug(
        "every public form may be posted by other sites",
        ("portal/customer_pages/guard.py", "is Policy.MAILED_LINK", "is not Policy.SIGNED_IN"),
        likely=(_NOTICES_PAGE, "tests/contracts/test_routes.py"),
    ),
    bug(
        "a customer's own browser is a new device each time",
        (
            "portal/sign_in/operations/sessions.py",
            ' and token_digest(visitor.known_browser or "") not in known\n',
            "\n",
        ),
        likely=("tests/integration/test_notices.py",),
    ),
    bug(
        "a person who was removed gets the receipt",
        (
            "portal/emails/notices.py",
            '            if person is None or person.removed_at is not None or writing.merchant.status != "active":\n',
            '            if person is None or writing.merchant.status != "active":\n',
        ),
        likely=("tests/integration/test_receipts_of_people.py",),
    ),
    bug(
        "a customer is mailed about a statement in each round",
        (
            "portal/statement/operations.py",
            "    if is_new is None:\n        return False\n",
            "",
        ),
        likely=("tests/integration/test_statement_mails.py",),
    ),
)
