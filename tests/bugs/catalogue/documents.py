"""Seeded bugs: invoices, receipts and statements on paper."""

from __future__ import annotations

from tests.bugs.catalogue.bug import Bug, bug

_DOCUMENTS = "tests/integration/test_documents.py"


BUGS: tuple[Bug, ...] = (
    bug(
        "a paper is fixed anew each time it is asked for",
        (
            "portal/documents/operations.py",
            "    if list_fixed(session, MerchantScope(merchant.id), [issue.object_id]):\n        return\n",
            "    forget_papers(session, merchant.id, [issue.object_id])\n",
        ),
        (
            "portal/documents/downloads.py",
            "        if paper is None:\n            try:",
            "        if True:\n            try:",
        ),
        likely=(_DOCUMENTS,),
    ),
    bug(
        "one invoice of somebody else is left out of a ZIP without a word",
        (
            "portal/documents/views.py",
            "    if len(found) != len(wanted):\n        raise NotFound\n",
            "    wanted = [each for each in wanted if each in found]\n",
        ),
        likely=(_DOCUMENTS,),
    ),
    bug(
        "a payment without money has a receipt",
        ("portal/documents/views.py", "    if payment.status not in CAPTURED:\n        raise NotFound\n", ""),
        likely=(_DOCUMENTS,),
    ),
    bug(
        "a text on a paper turns the direction of what follows",
        ("portal/documents/rules.py", ".translate(_DIRECTIONS)", ""),
        likely=("tests/unit/test_papers.py",),
    ),
    bug(
        "a ZIP that nobody reads keeps its place",
        ("portal/documents/archives.py", "            place.__exit__(None, None, None)\n", "            pass\n"),
        likely=(_DOCUMENTS,),
    ),
    bug(
        "an e-invoice is issued whose lines are not quantity times price",
        ("portal/documents/e_invoice_rules.py", "    return amount == line.amount\n", "    return True\n"),
        likely=("tests/unit/test_e_invoices.py",),
    ),
    bug(
        "the metadata of an e-invoice moves objects that its table still has in their old places",
        ("portal/documents/pdf_metadata.py", "    growth = len(before) - stop\n", "    growth = 0\n"),
        likely=("tests/unit/test_e_invoices.py",),
    ),
    bug(
        "a discount at a rate of its own is taken from the tax of another rate",
        ("portal/invoices/rules.py", "    if sum(own) == tax:\n", "    if False:\n"),
        likely=("tests/unit/invoices/test_invoice_rules.py",),
    ),
    bug(
        "ZIPs that nobody reads take all places for drawing",
        (
            "portal/documents/downloads.py",
            "typesetter.archive_place()",
            "typesetter.place()",
        ),
        likely=(_DOCUMENTS,),
    ),
    bug(
        "a QR-IBAN gets a creditor reference, which its bank returns",
        (
            "portal/swiss_bills.py",
            "    if is_qr_iban(iban):\n        return Reference",
            "    if False:\n        return Reference",
        ),
        likely=("tests/unit/test_swiss_bills.py",),
    ),
    bug(
        "the customer sees the digits of a card that somebody else paid with by the link",
        (
            "portal/payments/queries/standing.py",
            "sa.case((p.pay_link_id.is_(None), p.method_last4))",
            "p.method_last4",
        ),
        likely=("tests/integration/test_pages_pay_link.py",),
    ),
)
