"""The operations of signing in. Each writes inside a unit of work of the caller; the outbox sends mail after the commit."""

from portal.sign_in.operations.housekeeping import delete_old_rows
from portal.sign_in.operations.mailing import SignInMailContent, prepare_sign_in_mail
from portal.sign_in.operations.portal_sessions import (
    PortalSessionUrl,
    create_portal_session,
    expire_portal_sessions,
    use_portal_session,
)
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
    "LinkAttempt",
    "NewSession",
    "PortalSessionUrl",
    "SignInMailContent",
    "SignInResult",
    "Visitor",
    "create_portal_session",
    "delete_old_rows",
    "end_session",
    "enter_code",
    "expire_portal_sessions",
    "prepare_sign_in_mail",
    "refuse_link",
    "request_sign_in",
    "resend_message",
    "revoke_session",
    "revoke_sessions",
    "start_session",
    "touch_session",
    "use_link",
    "use_portal_session",
]
