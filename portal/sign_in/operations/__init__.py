"""The verbs of signing in; each is called inside a unit of work, writes, and leaves committing and mailing to others."""

from portal.sign_in.operations.housekeeping import delete_old_rows
from portal.sign_in.operations.mailing import SignInLetter, begin_mailing
from portal.sign_in.operations.portal_sessions import PortalSessionAddress, create_portal_session, enter_portal_session
from portal.sign_in.operations.requesting import ask_again, request_sign_in
from portal.sign_in.operations.sessions import (
    Entered,
    Visitor,
    end_session,
    revoke_session,
    revoke_sessions,
    start_session,
    touch_session,
)
from portal.sign_in.operations.verifying import CodeAnswer, LinkAnswer, Outcome, enter_code, enter_link, refuse_link

__all__ = [
    "CodeAnswer",
    "Entered",
    "LinkAnswer",
    "Outcome",
    "PortalSessionAddress",
    "SignInLetter",
    "Visitor",
    "ask_again",
    "begin_mailing",
    "create_portal_session",
    "delete_old_rows",
    "end_session",
    "enter_code",
    "enter_link",
    "enter_portal_session",
    "refuse_link",
    "request_sign_in",
    "revoke_session",
    "revoke_sessions",
    "start_session",
    "touch_session",
]
