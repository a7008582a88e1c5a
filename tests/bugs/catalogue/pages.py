"""Seeded bugs: what the pages say about money, and how they take a press."""

from __future__ import annotations

from tests.bugs.catalogue.bug import Bug, bug

_STRAIGHT = "tests/integration/test_pages_straight_to_review.py"
_AFTER_PAY = "tests/integration/test_pages_after_pay.py"
_TRUTH = "tests/integration/test_truth_of_the_pages.py"
_LIVE_TOTALS = "tests/browser/test_live_totals.py"
_BEHAVIOURS = "tests/browser/test_behaviours.py"
_IN_PLACE = "tests/browser/test_in_place.py"


BUGS: tuple[Bug, ...] = (
    bug(
        "the total of the choice forgets the credit",
        (
            "portal/checkout/page_builders/choose.py",
            "pricing.total, pricing.credit, pricing.charge, rest",
            "pricing.total, pricing.credit, pricing.total, rest",
        ),
        likely=(_STRAIGHT,),
    ),
    bug(
        "the live total of the choice forgets the credit",
        ("static/js/behaviours/sum.js", "Math.max(0, amount - available)", "amount"),
        likely=(_LIVE_TOTALS,),
    ),
    bug(
        "the live total lets credit leave less than the gateway charges",
        ("static/js/behaviours/sum.js", "if (rest === 0 || canCharge(rest)) return rest;", "return rest;"),
        likely=(_LIVE_TOTALS,),
    ),
    bug(
        "the live limits are those of the invoices that were chosen before",
        ("static/js/behaviours/sum.js", 'event.target.name === "invoice" && renew()', "false"),
        likely=(_LIVE_TOTALS,),
    ),
    bug(
        "without scripts the button keeps the amount of a choice that was changed",
        ("static/css/components.css", ".if-known { display: none; } .if-unknown { display: revert; }", ""),
        likely=(_LIVE_TOTALS,),
    ),
    bug(
        "nothing to pay, with a tick, while something is on its way",
        (
            "portal/overview/page_builders.py",
            'return "on_its_way" if is_held or any(each.count for each in under_way) else "settled"',
            'return "settled"',
        ),
        likely=(_TRUTH,),
    ),
    bug(
        "Pay on an invoice says no amount",
        (
            "templates/invoices/detail.html",
            '_("Pay %(amount)s", amount=amount_of(amount=page.amount_left, currency=page.currency))',
            '_("Pay")',
        ),
        likely=(_STRAIGHT,),
    ),
    bug(
        "the button of the choice says no amount",
        ("templates/checkout/choose.html", "amount=button_amount()", 'amount=""'),
        likely=(_STRAIGHT,),
    ),
    bug(
        "Pay with a default method leads to the choice first",
        ("portal/checkout/views/choose.py", "if method_id is None or needs", "if method_id or needs"),
        likely=(_STRAIGHT,),
    ),
    bug(
        "an order number that the merchant needs is not asked for",
        (
            "portal/checkout/views/order_numbers.py",
            "    if not fields.purchase_order:\n        raise OrderNumberMissing\n",
            "",
        ),
        likely=("tests/integration/test_order_number.py",),
    ),
    bug(
        "a promise is renewed for ever",
        (
            "portal/invoices/rules.py",
            "return (first_on or today) + timedelta(days=days)",
            "return today + timedelta(days=days)",
        ),
        likely=("tests/integration/test_promises.py",),
    ),
    bug(
        "a receipt is promised to an address that there is not",
        ("portal/payments/page_builders/payment.py", 'receipt=(receipt or "") if is_new else ""', 'receipt="sent"'),
        likely=(_AFTER_PAY,),
    ),
    bug(
        "Pay takes a press as soon as its page is opened",
        ("static/css/components.css", "animation: too-soon 600ms !important; ", ""),
        likely=(_BEHAVIOURS,),
    ),
    bug(
        "Pay takes a press as soon as it comes into view",
        ("static/js/behaviours/settle.js", 'button.dataset.new = "";', ""),
        likely=(_BEHAVIOURS,),
    ),
    bug(
        "lists say that a payment is being checked that is being sent",
        (
            "portal/payments/queries/standing.py",
            "        (is_being_sent, sa.literal_column(f\"'{SENDING}'\", Id)),\n",
            "",
        ),
        likely=(_TRUTH,),
    ),
    bug(
        "attributes of htmx in the HTML of a page are heeded",
        (
            "static/js/behaviours/in-place.js",
            "element.getAttributeNames().some((name) => OWN_ATTRIBUTE.test(name))",
            "false",
        ),
        likely=(_IN_PLACE,),
    ),
    bug(
        "a page that is none of the list is taken for it",
        ("static/js/behaviours/in-place.js", "    if (!isThisPage) leaveFor(context, event);\n", ""),
        likely=(_IN_PLACE,),
    ),
    bug(
        "a list that could not be fetched is left for an error",
        (
            "static/js/behaviours/in-place.js",
            "    if (status >= FAULT) return stayOrLeave(main, context, event);\n",
            "",
        ),
        likely=(_IN_PLACE,),
    ),
    bug(
        "what was typed for another country is left without a question",
        ("portal/customers/pages.py", '("faulty", "changed", "country")', '("faulty", "changed")'),
        likely=("tests/browser/test_unsaved.py",),
    ),
)
