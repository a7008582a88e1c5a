"""Seeded bugs: mail."""

from __future__ import annotations

from tests.bugs.catalogue.bug import Bug, bug

_REFUSED_MAIL = "tests/integration/test_refused_mail.py"


BUGS: tuple[Bug, ...] = (
    bug(
        "a mail that the server refuses for good is tried again",
        ("portal/emails/delivery.py", "    return 500 <= code < 600\n", "    return code == 554\n"),
        likely=(_REFUSED_MAIL,),
    ),
    bug(
        "an address beyond ASCII is sent to a server without SMTPUTF8",
        ("portal/emails/delivery.py", 'not server.has_extn("smtputf8")', "not server"),
        likely=(_REFUSED_MAIL,),
    ),
    bug(
        "a mail that the server took is sent again when the session ends badly",
        ("portal/emails/delivery.py", "        with suppress(OSError):", "        with suppress(ValueError):"),
        likely=(_REFUSED_MAIL,),
    ),
)
