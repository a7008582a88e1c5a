"""Bugs of an account's persons: what a role may do, who is out, and how far a proof of a mailbox goes."""

from __future__ import annotations

from tests.bugs.catalogue.bug import Bug, bug

_PEOPLE = "tests/integration/test_people.py"
_RACES = "tests/integration/test_access_races.py"
_SWITCHING = "tests/integration/test_switching.py"

BUGS: tuple[Bug, ...] = (
    bug(
        "a viewer may do what an owner may",
        (
            "portal/customer_pages/guard.py",
            "is Policy.SIGNED_IN and not signed_in.may(runtime.rights[endpoint]):",
            "is Policy.SIGNED_IN and not runtime.rights[endpoint]:",
        ),
        likely=("tests/contracts/test_routes.py",),
    ),
    bug(
        "a removed person stays signed in where its session was not ended",
        (
            "portal/sign_in/queries/__init__.py",
            "        sa.or_(SignInSession.person_id.is_(None), Person.id.is_not(None)),\n",
            "",
        ),
        likely=(_PEOPLE,),
    ),
    bug(
        "a person is removed and its sessions are not ended",
        (
            "portal/sign_in/operations/people.py",
            "    revoke_own_sessions(session, scope, person_id, actor=actor, at=at, reason=reason)\n",
            "",
        ),
        likely=(_PEOPLE,),
    ),
    bug(
        "an address that is taken back leaves a session to a sign-in of that moment",
        (
            "portal/sign_in/operations/sessions.py",
            "        _hold_account(session, settings, scope, proof.address_digest)\n",
            "        pass\n",
        ),
        likely=(_RACES,),
    ),
    bug(
        "an invitation that is posted while its session ends is kept",
        ("portal/customer_pages/context.py", "        hold_session(session, scope, session_id)\n", ""),
        likely=(_RACES,),
    ),
    bug(
        "an undone change of address leaves the erasure that was requested since",
        (
            "portal/sign_in/views/email_changes.py",
            "        withdraw_erasure_since(session, scope, change.changed_at, actor=actor, at=at)\n",
            "",
        ),
        likely=("tests/integration/test_email_change.py",),
    ),
    bug(
        "an invitation never ends",
        (
            "portal/people/queries.py",
            '    sa.or_(Person.joined_at.is_not(None), Person.invited_at > sa.bindparam("invited_after", type_=Instant())),\n)\n',
            '    sa.bindparam("invited_after", type_=Instant()).is_not(None),\n)\n',
        ),
        likely=(_PEOPLE,),
    ),
    bug(
        "a session switches to accounts of a mailbox that its own account has meanwhile",
        (
            "portal/sign_in/queries/mailboxes.py",
            "    return _of_mailbox(reader, keys, scope, proved.person_id, proved.address_digest, at)\n",
            "    return list_accounts_beside(reader, scope, proved.person_id, at)\n",
        ),
        likely=(_SWITCHING,),
    ),
    bug(
        "a session lives anew each time it switches",
        ("portal/sign_in/operations/switching.py", ", until=proved.expires_at", ""),
        likely=(_SWITCHING,),
    ),
    bug(
        "who was invited since a changed address stays when that is undone",
        (
            "portal/sign_in/operations/email_changes.py",
            "    end_people_since(session, scope, since, {step.person_id for step in steps if step.person_id}, actor=actor, at=at)\n",
            "",
        ),
        likely=("tests/integration/test_email_change.py",),
    ),
    bug(
        "who was let in before the address was changed stays when that is undone",
        (
            "portal/sign_in/operations/email_changes.py",
            "    return change.since_at or change.changed_at\n",
            "    return change.changed_at\n",
        ),
        likely=("tests/integration/test_email_change.py",),
    ),
    bug(
        "an export has the browsers of every person of the account",
        (
            "portal/privacy/queries.py",
            "        return table.c.person_id.is_not_distinct_from(person_id)\n",
            "        return sa.true()\n",
        ),
        likely=("tests/integration/test_exports.py",),
    ),
    bug(
        "who joined is removed by the link of the old invitation",
        (
            "portal/people/operations.py",
            "        if person.joined_at is not None:\n            raise NotFound\n        person.declined_at = at\n",
            "        person.declined_at = at\n",
        ),
        likely=("tests/integration/test_invitations.py",),
    ),
)
