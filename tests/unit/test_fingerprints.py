"""Fingerprints of what is shown or served: they tell contents apart, and pass where card numbers are refused."""

from __future__ import annotations

import hashlib

from portal.contacts import holds_card_number
from portal.fingerprints import LENGTH, fingerprint

SAMPLES = 50_000


def test_same_content_has_the_same_fingerprint_and_other_content_another() -> None:
    assert fingerprint(b"4900 USD") == fingerprint(b"4900 USD")
    assert fingerprint(b"4900 USD") != fingerprint(b"4901 USD")
    assert len({fingerprint(b"%d" % number) for number in range(SAMPLES)}) == SAMPLES


def test_no_fingerprint_is_taken_for_a_card_number() -> None:
    contents = [b"payment %d" % number for number in range(SAMPLES)]
    taken = [content for content in contents if holds_card_number(hashlib.sha256(content).hexdigest()[:LENGTH])]
    assert taken, "in plain hexadecimal some would be: else these contents show nothing"

    assert [content for content in contents if holds_card_number(fingerprint(content))] == []
