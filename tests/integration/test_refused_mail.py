"""Mail that the mail server refuses: for good at any step, for now, or after it had taken it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from portal.backlog import list_backlog
from portal.emails.delivery import deliver
from portal.emails.messages import Message
from portal.findings import Level
from portal.outbox.errors import Refused
from portal.outbox.jobs import deliver_next
from portal.outbox.models import OutboxMessage
from portal.outbox.queries import list_refusals, read_outbox
from portal.worker import build_handlers
from tests.support.bundled import bundled_renderer
from tests.support.scripted_smtp import scripted_smtp
from tests.support.site import Site

MESSAGE = Message("billing@portal.example", "maya@lindqvist.example", b"Subject: x\r\n\r\ntext\r\n", needs_utf8=False)
INTERNATIONAL = Message(
    "billing@portal.example", "用户@x.example", "To: 用户@x.example\r\n\r\nx\r\n".encode(), needs_utf8=True
)


@pytest.mark.parametrize(
    ("step", "code", "replies"),
    [
        ("connect", 554, {"greeting": "554 no mail here"}),
        ("helo", 550, {"EHLO": "550 no", "HELO": "550 no"}),
        ("login", 535, {"AUTH": "535 5.7.8 maya@lindqvist.example is unknown"}),
        ("sender", 553, {"MAIL": "553 5.1.8 sender"}),
        ("recipient", 550, {"RCPT": "550 5.1.1 no such user maya@lindqvist.example"}),
        ("message", 554, {"DATA": "554 no"}),
        ("message", 552, {"end_of_data": "552 too large"}),
    ],
)
def test_refusal_for_good_at_any_step_names_the_step_and_the_code(
    step: str, code: int, replies: dict[str, str]
) -> None:
    with scripted_smtp(**replies) as server, pytest.raises(Refused) as refused:
        deliver(server.url.replace("//", "//user:secret@"), MESSAGE)

    assert (refused.value.step, refused.value.code) == (step, code)
    assert "lindqvist" not in str(refused.value)


@pytest.mark.parametrize(
    "replies",
    [
        {"greeting": "421 later"},
        {"AUTH": "454 later"},
        {"MAIL": "451 later"},
        {"RCPT": "450 greylisted"},
        {"DATA": "451 later"},
        {"end_of_data": "452 full"},
    ],
)
def test_refusal_for_now_is_an_error_that_is_retried(replies: dict[str, str]) -> None:
    with scripted_smtp(**replies) as server, pytest.raises(OSError):
        deliver(server.url.replace("//", "//user:secret@"), MESSAGE)


def test_starttls_that_is_refused_for_now_is_retried_and_for_good_is_not() -> None:
    offered = "250-here\r\n250 STARTTLS"
    with scripted_smtp(EHLO=offered) as server, pytest.raises(OSError):
        deliver(server.url.replace("smtp:", "smtp+starttls:"), MESSAGE)
    with scripted_smtp(EHLO=offered, STARTTLS="501 no") as server, pytest.raises(Refused) as refused:
        deliver(server.url.replace("smtp:", "smtp+starttls:"), MESSAGE)

    assert (refused.value.step, refused.value.code) == ("starttls", 501)


@pytest.mark.parametrize("replies", [{"EHLO": "250 here"}, {"EHLO": "502 what?"}])
def test_address_beyond_ascii_is_refused_where_the_server_lacks_smtputf8(replies: dict[str, str]) -> None:
    with scripted_smtp(**replies) as server, pytest.raises(Refused) as refused:
        deliver(server.url, INTERNATIONAL)

    assert (refused.value.step, refused.value.code) == ("smtputf8", None)


def test_address_beyond_ascii_is_sent_where_the_server_has_it() -> None:
    with scripted_smtp() as server:
        deliver(server.url, INTERNATIONAL)

        assert server.taken_count == 1


@pytest.mark.parametrize("reply", ["500 what?", "421 going down", ""])
def test_message_that_was_taken_is_delivered_however_the_session_ends(reply: str) -> None:
    with scripted_smtp(QUIT=reply) as server:
        deliver(server.url, MESSAGE)

        assert server.taken_count == 1


# --- what stays of it ---


def queue_mail(site: Site, reply: str) -> str | None:
    """Request a sign-in mail, deliver it to a server that replies so to the recipient, and return the outcome."""
    with scripted_smtp(RCPT=reply) as server:
        here = site.with_settings(smtp_url=server.url)
        here.request_sign_in(here.browser())
        return deliver_next(here.services, build_handlers(bundled_renderer()))


def test_refused_message_is_kept_with_step_and_code_and_without_the_address(site: Site) -> None:
    assert queue_mail(site, "550 5.1.1 no such user maya@lindqvist.example") == "dead"

    (row,) = site.rows(OutboxMessage)
    assert (row.refused_step, row.refused_code, row.attempts) == ("recipient", 550, 1)
    assert row.dead_at is not None and "lindqvist" not in row.last_error


def test_refusals_are_counted_apart_from_what_failed_at_every_retry(site: Site) -> None:
    queue_mail(site, "550 no such user")

    with site.services.database.read() as reader:
        state = read_outbox(reader, late_before=site.clock.now())
        refusals = list_refusals(reader, since=site.clock.now() - timedelta(days=30))

    assert (state.dead_count, state.refused_count) == (1, 1)
    assert [(row.step, row.code, row.mail_count) for row in refusals] == [("recipient", 550, 1)]


def test_message_refused_for_now_counts_as_no_refusal(site: Site) -> None:
    assert queue_mail(site, "450 later") == "retried"

    (row,) = site.rows(OutboxMessage)
    assert (row.refused_step, row.refused_code, row.dead_at) == (None, None, None)
    with site.services.database.read() as reader:
        assert list_refusals(reader, since=site.clock.now() - timedelta(days=30)) == []


def test_doctor_shows_refusals_as_what_they_are(site: Site) -> None:
    site.clock.move_to(datetime.now(UTC))
    queue_mail(site, "550 no such user")
    site.clock.advance(seconds=90)
    queue_mail(site, "550 no such user")

    found = list(list_backlog(site.services.database, []))

    (finding,) = [finding for finding in found if finding.subject == "mail"]
    assert finding.level is Level.WARNING
    assert "2 mails" in finding.sentence and "recipient, 550" in finding.sentence
    assert [finding.level for finding in found if finding.subject == "outbox"] == [Level.OK]
