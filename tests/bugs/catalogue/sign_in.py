"""Seeded bugs: signing in, and who is signed in."""

from __future__ import annotations

from tests.bugs.catalogue.bug import Bug, bug

_SECRETS = "tests/integration/test_sign_in_secrets.py"
_STRANGERS = "tests/integration/test_sign_in_strangers.py"
_COMPARISONS = "tests/integration/test_secret_comparisons.py"
_PASSKEYS = "tests/integration/test_passkeys.py"
_FRESH_CODES = "tests/integration/test_fresh_codes.py"


BUGS: tuple[Bug, ...] = (
    bug(
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
    bug(
        "wrong codes are not counted",
        (
            "portal/sign_in/operations/budgets.py",
            "is_judged=own.count <= settings.sign_in_tries",
            "is_judged=True",
        ),
        likely=("tests/integration/test_sign_in_code.py",),
    ),
    bug(
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
    bug(
        "each request has a link and a code of its own",
        (
            "portal/sign_in/operations/requesting.py",
            "is_joinable=True,\n",
            "is_joinable=False,\n",
        ),
        likely=(_STRANGERS,),
    ),
    bug(
        "a browser is known in which somebody else was signed in",
        (
            "portal/sign_in/queries/mailboxes.py",
            "    return any((account.person_id or account.id) in known for account in accounts)\n",
            "    return bool(known)\n",
        ),
        likely=(_STRANGERS,),
    ),
    bug(
        "the page of a link posts itself wherever it is opened",
        (
            "portal/sign_in/views/links.py",
            "challenge.is_requested_here and not is_from_another_site(current_runtime(), request)",
            "True",
        ),
        likely=("tests/integration/test_sign_in_link.py",),
    ),
    bug(
        "a mail signs in whoever has the mailbox that its customer has moved to",
        (
            "portal/sign_in/queries/mailboxes.py",
            "        if is_address_digest(keys, scope.merchant_id, mailbox_of(account.email), digest=digest)\n",
            "",
        ),
        likely=(_STRANGERS,),
    ),
    bug(
        "codes and links are compared letter by letter",
        (
            "portal/sign_in/rules/tokens.py",
            "return sum(hmac.compare_digest(given, one) for one in expected) > 0",
            "return given in expected",
        ),
        likely=(_COMPARISONS,),
    ),
    bug(
        "tokens of sessions are stored as they are",
        (
            "portal/sign_in/rules/tokens.py",
            'return sha256(token.encode("utf-8", "replace")).digest()',
            'return token.encode("utf-8", "replace")',
        ),
        likely=(_SECRETS, "tests/integration/test_sign_in_sessions.py"),
    ),
    bug(
        "forms of other sites are taken",
        ("portal/customer_pages/guard.py", "    if not is_own_page:\n", "    if is_own_page is None:\n"),
        likely=("tests/integration/test_web_requests.py", "tests/integration/test_web_errors.py"),
    ),
    bug(
        "a saved method pays any amount without a fresh code",
        (
            "portal/payments/operations/intents.py",
            "if method_id is not None and not has_fresh_code:",
            "if False:",
        ),
        likely=(_FRESH_CODES,),
    ),
    bug(
        "an amount above the limit is paid in parts below it",
        (
            "portal/payments/operations/intents.py",
            "options.asks_for_code(paid + charge, currency)",
            "options.asks_for_code(charge, currency)",
        ),
        likely=(_FRESH_CODES,),
    ),
    bug(
        "two parts that are confirmed at once both fit below the limit",
        (
            "portal/payments/operations/intents.py",
            "    lock_customer(session, scope)  # Two parts that are confirmed at once must not both fit.\n",
            "",
        ),
        likely=(_FRESH_CODES,),
    ),
    bug(
        "the only payment method is removed without a fresh code",
        ("portal/payment_methods/operations/removal.py", "if not candidates and not has_fresh_code:", "if False:"),
        likely=(_FRESH_CODES,),
    ),
    bug(
        "an answer of a passkey signs in twice",
        ("portal/sign_in/operations/passkeys.py", "    _use_up(session, merchant_id, challenge, at)\n", ""),
        likely=(_PASSKEYS,),
    ),
    bug(
        "an answer of a passkey signs in another browser",
        (
            "portal/sign_in/rules/passkeys.py",
            '    if not is_challenge_mac(keys, merchant_id, f"{purpose}\\x1f{bound_to}\\x1f{made.hex()}", mac=mac):\n',
            "    if False:\n",
        ),
        likely=(_PASSKEYS,),
    ),
    bug(
        "a blocked customer signs in by a passkey",
        (
            "portal/sign_in/operations/passkeys.py",
            "    if holder is None or not tokens.is_address_digest(\n",
            "    if holder is not None and not tokens.is_address_digest(\n",
        ),
        likely=(_PASSKEYS,),
    ),
    bug(
        "whoever undoes a changed address leaves the thief's passkey",
        (
            "portal/sign_in/operations/email_changes.py",
            "    remove_passkeys_since(session, scope, since, actor=actor, at=at)\n",
            "",
        ),
        likely=("tests/integration/test_email_change.py",),
    ),
)
