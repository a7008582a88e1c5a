"""Seeded bugs: pay links, and what a guest may see and do."""

from __future__ import annotations

from tests.bugs.catalogue.bug import Bug, bug

_PAY_LINKS = "tests/integration/test_pay_links.py"
_PAY_LINK_PAGES = "tests/integration/test_pages_pay_link.py"


BUGS: tuple[Bug, ...] = (
    bug(
        "a revoked pay link still pays from the page that was open",
        ("portal/payments/operations/intents.py", "    _refuse_closed_link(session, payment, now)\n", ""),
        likely=(_PAY_LINKS,),
    ),
    bug(
        "a dead pay link opens",
        ("portal/customer_pages/guard.py", "if link is None or not link.is_open:", "if link is None:"),
        likely=(_PAY_LINK_PAGES,),
    ),
    bug(
        "the gateway's page of a guest shows the customer",
        (
            "portal/payments/operations/gateway_requests.py",
            "            if payment.pay_link_id is None\n",
            "            if True\n",
        ),
        likely=(_PAY_LINKS,),
    ),
    bug(
        "a guest confirms and reads any payment of the customer",
        (
            "portal/payments/operations/by_link.py",
            "payment is None or payment.pay_link_id != link.id",
            "payment is None",
        ),
        likely=(_PAY_LINKS, _PAY_LINK_PAGES),
    ),
    bug(
        "a guest's attempts use up the customer's",
        (
            "portal/payments/operations/limits.py",
            "_CONFIRMED_LATELY.where(_OF_CUSTOMER, _P.listed, _P.pay_link_id.is_(None))",
            "_CONFIRMED_LATELY.where(_OF_CUSTOMER, _P.listed)",
        ),
        likely=(_PAY_LINKS,),
    ),
    bug(
        "a stranger with a pay link ends the customer's checkout",
        (
            "portal/payments/operations/checkouts.py",
            '        _P.pay_link_id.is_not_distinct_from(sa.bindparam("pay_link_id", type_=Id)),\n        # Written',
            "        # Written",
        ),
        likely=(_PAY_LINKS,),
    ),
    bug(
        "the token of a pay link is stored with its payment",
        (
            "portal/guest_checkout/views/review.py",
            "/pay/{LINK_PLACE}/payments/{payment_id}",
            "/pay/{token}/payments/{payment_id}#{LINK_PLACE}",
        ),
        likely=(_PAY_LINK_PAGES,),
    ),
    bug(
        "a receipt by link shows which card paid",
        (
            "portal/documents/papers.py",
            'content["facts"] = content["facts"][:1]',
            'content["facts"] = content["facts"]',
        ),
        likely=(_PAY_LINK_PAGES,),
    ),
)
