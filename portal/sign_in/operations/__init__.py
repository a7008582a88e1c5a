"""The verbs of signing in; each is called inside a unit of work, writes, and leaves committing and mailing to others."""

from portal.sign_in.operations.housekeeping import delete_old_rows
from portal.sign_in.operations.mailing import SignInMailContent, prepare_sign_in_mail
from portal.sign_in.operations.portal_sessions import PortalSessionUrl, create_portal_session, use_portal_session
from portal.sign_in.operations.requesting import request_sign_in, resend_message
from portal.sign_in.operations.sessions import (
    NewSession,
    Visitor,
    end_session,
    revoke_session,
    revoke_sessions,
    start_session,
    touch_session,
)
from portal.sign_in.operations.verifying import (
    CodeAttempt,
    LinkAttempt,
    SignInResult,
    enter_code,
    refuse_link,
    use_link,
)

__all__ = [
    "CodeAttempt",
    "Entered",
    "LinkAttempt",
    "Outcome",
    "PortalSessionUrl",
    "SignInMailContent",
    "Visitor",
    "resend_message",
    "prepare_sign_in_mail",
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
