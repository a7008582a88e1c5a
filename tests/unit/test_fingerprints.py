"""Fingerprints of what is shown or served: they differ by content, and are never taken for card numbers."""

from __future__ import annotations

import hashlib

from portal.contacts import holds_card_number, mask_card_numbers
from portal.fingerprints import LENGTH, fingerprint, in_letters

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


def test_whole_digest_is_written_in_letters_and_can_be_read_back() -> None:
    digest = hashlib.sha256(b"a link").digest()

    assert bytes.fromhex(in_letters(digest).translate(str.maketrans("ghijklmnop", "0123456789"))) == digest
    assert len(in_letters(digest)) == 64 and not any(character.isdecimal() for character in in_letters(digest))
    assert in_letters(b"") == ""


def test_no_digest_is_masked_in_a_log() -> None:
    digests = [hashlib.sha256(b"link %d" % number).digest() for number in range(SAMPLES)]
    masked = [digest for digest in digests if mask_card_numbers(digest.hex()) != digest.hex()]
    assert masked, "in plain hexadecimal some would be: else these digests show nothing"

    assert [digest for digest in digests if mask_card_numbers(in_letters(digest)) != in_letters(digest)] == []
