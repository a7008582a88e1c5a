"""The operations of signing in. Each writes inside a unit of work of the caller; the outbox sends mail after the commit."""

from portal.sign_in.operations.access import block_customer, delete_customer, end_access
from portal.sign_in.operations.housekeeping import delete_old_rows
from portal.sign_in.operations.mailing import SignInMailContent, prepare_sign_in_mail
from portal.sign_in.operations.portal_sessions import PortalSessionUrl, create_portal_session, use_portal_session
from portal.sign_in.operations.requesting import RequestedMail, request_again, request_sign_in
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
    "LinkAttempt",
    "NewSession",
    "PortalSessionUrl",
    "RequestedMail",
    "SignInMailContent",
    "SignInResult",
    "Visitor",
    "block_customer",
    "create_portal_session",
    "delete_customer",
    "delete_old_rows",
    "end_access",
    "end_session",
    "enter_code",
    "prepare_sign_in_mail",
    "refuse_link",
    "request_again",
    "request_sign_in",
    "revoke_session",
    "revoke_sessions",
    "start_session",
    "touch_session",
    "use_link",
    "use_portal_session",
]
