"""Mail headers, read back by a strict decoder of RFC 2047 that shares nothing with what wrote them."""

from __future__ import annotations

import base64
import random
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from portal.emails.headers import mailbox_header, text_header
from portal.emails.messages import Envelope, build_message
from portal.emails.rendering import RenderedMail
from tests.support.tiers import tier

ADDRESS = "billing@portal.example"
_WORD = re.compile(r"=\?utf-8\?([bq])\?([!->@-~]*)\?=", re.IGNORECASE)  # Printable ASCII without a question mark.
_IN_PHRASE = re.compile(r"(?:[A-Za-z0-9!*+/_-]|=[0-9A-F]{2})*")  # RFC 2047, section 5 (3).

NAMES = [
    "Acme",
    "Acme, Inc.",
    'The "Best" Shop \\ Co',
    "Zoë Ångström Müller-Lüdenscheidt and a very long tail in ASCII that goes on",
    "Société Générale de l’Énergie du Cameroun, Douala et Yaoundé réunis",
    "株式会社サンプル 東京 支店 とても長い名前 テスト",
    "شركة الطاقة المتجددة المحدودة في دوالا وياوندي",
    "Pets 🐶🐱 & Friends 👨‍👩‍👧‍👦 GmbH",
    "W" * 60 + " " + "é" * 80,
    "a  b   é  d",
    "=?half an encoded word",
    "Ünï @ <café>; (x), y:",
    '::::::::::::"" ::::::::::::"" ::::::::::::::"" ::::::::::::::""',
]


def unfolded(lines: str) -> str:
    """Return the value of a header; its lines are at most 78 long, and a break is only before a blank (RFC 5322, 2.2.3)."""
    assert lines.endswith("\r\n") and lines.isascii()
    for line in lines.removesuffix("\r\n").split("\r\n"):
        assert "\r" not in line and "\n" not in line and line.strip() and len(line) <= 78, line
    value = re.sub(r"\r\n(?=[ \t])", "", lines.removesuffix("\r\n"))
    assert "\r\n" not in value
    return value.partition(": ")[2]


def decoded_word(word: re.Match[str], *, in_phrase: bool) -> str:
    assert len(word[0]) <= 75
    if word[1].lower() == "b":
        return base64.b64decode(word[2], validate=True).decode("utf-8")
    assert not in_phrase or _IN_PHRASE.fullmatch(word[2])
    raw = re.sub(rb"=([0-9A-F]{2})", lambda byte: bytes.fromhex(byte[1].decode()), word[2].replace("_", " ").encode())
    return raw.decode("utf-8")


def decoded(value: str, *, in_phrase: bool) -> str:
    """Return the text: blanks between two encoded words are none, all others are (RFC 2047, section 6.2)."""
    parts: list[str] = []
    was_encoded = False
    for blanks, piece in re.findall(r"([ \t]*)([^ \t]+)", value):
        word = _WORD.fullmatch(piece)
        assert word or not (in_phrase and "=?" in piece)
        if not (word and was_encoded):
            parts.append(blanks)
        parts.append(decoded_word(word, in_phrase=in_phrase) if word else piece)
        was_encoded = word is not None
    return "".join(parts)


def decoded_phrase(value: str) -> str:
    if value.startswith('"'):
        quoted = re.fullmatch(r'"((?:[^"\\]|\\.)*)"', value)
        assert quoted, value
        return re.sub(r"\\(.)", r"\1", quoted[1])
    assert not re.search(r'[,;:<>()@.\[\]"\\]', _WORD.sub("", value)), value
    return decoded(value, in_phrase=True)


def check_both_ways(name: str) -> None:
    assert decoded(unfolded(text_header("Subject", name)), in_phrase=False) == name
    phrase, _, address = unfolded(mailbox_header("From", name, ADDRESS)).rpartition(" ")
    assert address == f"<{ADDRESS}>"
    assert decoded_phrase(phrase.strip()) == name


@pytest.mark.parametrize("name", NAMES)
def test_name_is_read_back_as_it_was(name: str) -> None:
    check_both_ways(name)


_SCRIPTS = (
    "abcXYZ019",
    "éàüßøñ’",
    "東京支店とても",
    "شركةالطاقة",
    "🐶🐱👨‍👩‍👧",
    "\"\\,;:<>()[]@.=?_-'",
    "ДжиБи",
    "हिन्दी",
)


def random_name(chance: random.Random) -> str:
    """Return one to six words, each of one script, some of them long, with one blank or more between."""
    words = []
    for _ in range(chance.randint(1, 6)):
        letters = chance.choice(_SCRIPTS)
        length = chance.choice((chance.randint(1, 16), chance.randint(1, 16), chance.randint(40, 120)))
        words.append("".join(chance.choices(letters, k=length)) + chance.choice(("", "", "", " ")))
    return " ".join(words).strip()


def test_ten_thousand_names_are_read_back_as_they_were() -> None:
    chance = random.Random(11)
    for _ in range(tier(2_000, 10_000)):
        check_both_ways(random_name(chance))


@hypothesis_settings(max_examples=tier(50, 1_000))
@given(
    st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), min_size=1, max_size=90).map(str.strip).filter(bool)
)
def test_any_text_is_read_back_as_it_was(name: str) -> None:
    check_both_ways(name)


@pytest.mark.parametrize("name", NAMES[:10])
def test_message_carries_the_name_in_sender_and_subject(name: str) -> None:
    envelope = Envelope(name, ADDRESS, "maya@lindqvist.example", "", "obx_1", datetime(2026, 3, 5, tzinfo=UTC))

    head = build_message(RenderedMail(f"You paid {name}", "text\n", "<p>text</p>"), envelope).content.partition(
        b"\r\n\r\n"
    )[0]

    lines = {
        line.partition(":")[0]: line + "\r\n"
        for line in re.split(r"\r\n(?![ \t])", head.decode("ascii"))
        if ":" in line
    }
    assert decoded(unfolded(lines["Subject"]), in_phrase=False) == f"You paid {name}"
    assert decoded_phrase(unfolded(lines["From"]).rpartition(" ")[0].strip()) == name
