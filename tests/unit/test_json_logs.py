"""Logging as JSON lines: one line an event, whatever stands in it."""

from __future__ import annotations

import io
import json
import logging
import sys

from portal.json_logs import JsonLines


def line(**extra: object) -> tuple[str, dict[str, object]]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    record = logging.getLogger("portal.test").makeRecord(
        "portal.test", logging.ERROR, "", 1, "payment.status_changed", (), None, extra=extra
    )
    handler.emit(record)
    return stream.getvalue(), json.loads(stream.getvalue())


def test_fields_stand_beside_the_event() -> None:
    _, read = line(payment="pay_1", count=3)

    assert (read["event"], read["payment"], read["count"]) == ("payment.status_changed", "pay_1", 3)
    assert (read["level"], read["logger"]) == ("error", "portal.test")
    assert str(read["at"]).endswith("Z")


def test_control_characters_cannot_begin_a_line() -> None:
    text, read = line(place="a\r\nb\x1b[31m\u2028c")

    assert text.count("\n") == 1
    assert "\x1b" not in text
    assert read["place"] == "a\r\nb\x1b[31m\u2028c"


def test_card_number_is_masked_and_other_digits_are_not() -> None:
    _, read = line(why="declined 4242 4242 4242 4242 again", amount=4242424242424242, at_phone="+237670000000")

    assert read["why"] == "declined •••• 4242 again"
    assert (read["amount"], read["at_phone"]) == (4242424242424242, "+237670000000")


def test_card_number_is_masked_however_deep_it_stands() -> None:
    text, _ = line(trace=["a 4242424242424242"], body={"4242424242424242": ({"n": "5555 5555 5555 4444"},)}, odd=Odd())

    assert "4242424242424242" not in text
    assert "5555 5555" not in text
    assert text.count("4242") == 3


class Odd:
    def __str__(self) -> str:
        return "4242-4242-4242-4242"


def test_what_json_does_not_know_is_written_as_text() -> None:
    assert line(what=object)[1]["what"] == "<class 'object'>"


def test_exception_that_was_logged_on_purpose_is_kept() -> None:
    try:
        raise ValueError("inside")
    except ValueError:
        record = logging.LogRecord("portal", logging.ERROR, "", 1, "signal.receiver_failed", None, sys.exc_info())

    assert "ValueError: inside" in json.loads(JsonLines().format(record))["exception"]
