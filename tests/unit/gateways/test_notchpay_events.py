"""Notch Pay's webhooks: what is not signed over these very bytes by a secret of the account is refused, and read by nobody."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from portal.fingerprints import in_letters
from portal.gateways.contract import EventRefused
from portal.gateways.notchpay import Keys, NotchPayGateway
from tests.support.notchpay_requests import REFERENCE
from tests.support.notchpay_server import EVENT_SECRET, PRIVATE_KEY, PUBLIC_KEY, NotchPayBooks

BOOKS = NotchPayBooks()
PAYMENT = {
    "reference": "trx.test_1",
    "merchant_reference": REFERENCE,
    "trxref": REFERENCE,
    "amount": 5000,
    "status": "complete",
}


def signed(body: bytes, secret: str = EVENT_SECRET) -> dict[str, str]:
    return {"X-Notch-Signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def test_event_has_both_references(gateway, clock):
    headers, body = BOOKS.event("payment.complete", PAYMENT)

    notice = gateway.read_event(headers, body, clock.now())

    assert (notice.event_id, notice.type) == ("evt_123456789", "payment.complete")
    assert (notice.reference, notice.gateway_reference) == (REFERENCE, "trx.test_1")


def test_name_is_read_from_event_where_there_is_no_type(gateway, clock):
    # `docs/getting-started/webhooks`: the older envelope.
    headers, body = BOOKS.event("", PAYMENT, type=None, event="payment.failed", id="whk.sdjdksjhkjsd")

    notice = gateway.read_event(headers, body, clock.now())

    assert (notice.type, notice.event_id) == ("payment.failed", "whk.sdjdksjhkjsd")


def test_event_of_a_refund_has_our_reference(gateway, clock):
    headers, body = BOOKS.event("refund.complete", {"id": "rfd.test_1", "reason": "re_1", "status": "complete"})

    notice = gateway.read_event(headers, body, clock.now())

    assert (notice.reference, notice.gateway_reference) == ("re_1", "rfd.test_1")


def test_event_without_an_id_is_recognised_by_its_bytes(gateway, clock):
    headers, body = BOOKS.event("payment.complete", PAYMENT, id=None)
    other_headers, other = BOOKS.event("payment.complete", PAYMENT | {"amount": 1}, id=None)

    first, again = (gateway.read_event(headers, body, clock.now()) for _ in range(2))
    another = gateway.read_event(other_headers, other, clock.now())

    assert first.event_id == again.event_id == f"sha256:{in_letters(hashlib.sha256(body).digest())}"
    assert another.event_id != first.event_id
    assert first.event_id.removeprefix("sha256:").isalpha(), "digits may look like a card's number to a log"


def test_both_secrets_are_valid_during_a_rotation_and_the_old_one_not_afterwards(clock):
    def gateway_with(*secrets: str) -> NotchPayGateway:
        return NotchPayGateway(Keys(PUBLIC_KEY, PRIVATE_KEY, secrets), 5, origin="http://127.0.0.1:9")

    by_old, by_new = (
        BOOKS.event("payment.complete", PAYMENT, secret=secret) for secret in ("old-secret", "new-secret")
    )

    for event in (by_old, by_new):
        assert gateway_with("new-secret", "old-secret").read_event(*event, clock.now()).reference == REFERENCE
    with pytest.raises(EventRefused):
        gateway_with("new-secret").read_event(*by_old, clock.now())
    with pytest.raises(EventRefused):
        gateway_with().read_event(*by_new, clock.now())


@pytest.mark.parametrize("name", ["x-notch-signature", "X-Notch-Signature", "X-NOTCH-SIGNATURE"])
def test_header_is_case_insensitive(gateway, clock, name):
    headers, body = BOOKS.event("payment.complete", PAYMENT)

    assert gateway.read_event({name: headers["X-Notch-Signature"]}, body, clock.now()).reference == REFERENCE


HEADERS, BODY = BOOKS.event("payment.complete", PAYMENT)
RIGHT = HEADERS["X-Notch-Signature"]


@pytest.mark.parametrize(
    "signature",
    [None, "", "0" * 64, RIGHT[:-1], RIGHT + "0", f" {RIGHT}", RIGHT.replace(RIGHT[0], "é"), "١" * 64, ",".join([RIGHT] * 50),
     "a" * (1 << 20), RIGHT[:-1] + ("0" if RIGHT[-1] != "0" else "1")],
    ids=["none", "empty", "zeros", "short", "long", "blank", "accents", "other digits", "fifty", "huge", "one off"],  # RIGHT is another each time.
)  # fmt: skip
def test_signature_that_is_missing_or_wrong_is_refused(gateway, clock, signature):
    headers = {} if signature is None else {"X-Notch-Signature": signature}

    with pytest.raises(EventRefused):
        gateway.read_event(headers, BODY, clock.now())


@pytest.mark.parametrize("place", [0, len(BODY) // 2, len(BODY) - 1])
def test_one_flipped_bit_is_refused(gateway, clock, place):
    flipped = BODY[:place] + bytes([BODY[place] ^ 1]) + BODY[place + 1 :]

    with pytest.raises(EventRefused):
        gateway.read_event(HEADERS, flipped, clock.now())


def test_private_key_signs_nothing(gateway, clock):
    headers, body = BOOKS.event("payment.complete", PAYMENT, secret=PRIVATE_KEY)

    with pytest.raises(EventRefused):
        gateway.read_event(headers, body, clock.now())


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"{}", b'{"type": "payment.complete"}', b'{"type": 1, "data": {}}', b'{"type": "a", "data": []}',
     b'{"data": {}}', b'"' + b"[" * 100_000, b"[" * 100_000, b"\xff\xfe"],
)  # fmt: skip
def test_signed_bytes_that_are_no_event_are_refused(gateway, clock, body):
    with pytest.raises(EventRefused):
        gateway.read_event(signed(body), body, clock.now())


@pytest.mark.parametrize("event_id", ["", "x" * 256, "evt_\u0000", 7, None])
def test_id_that_cannot_be_stored_is_replaced_by_the_digest(gateway, clock, event_id):
    headers, body = BOOKS.event("payment.complete", PAYMENT, id=event_id)

    assert gateway.read_event(headers, body, clock.now()).event_id.startswith("sha256:")
