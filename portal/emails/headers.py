"""Writes mail headers as RFC 5322 and RFC 2047 have them: folded, in ASCII, and read back as the text that went in.

The policies of Python 3.11's `email` fold between words of which some are encoded, and lose or double the blank there; here a text is
encoded as a whole or not at all, so that no blank is ever between an encoded word and anything that belongs to the text.
"""

from __future__ import annotations

import re
from email.charset import SHORTEST, Charset
from email.header import Header

_MAX_LINE = 76
_CRLF = "\r\n"
# What may stand in a header as it is: words of printable ASCII with one blank between them, none long enough to need a break.
_PLAIN = re.compile(r"[!-~]{1,60}(?: [!-~]{1,60})*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_UTF8 = Charset("utf-8")
_UTF8.header_encoding = SHORTEST


def text_header(name: str, text: str) -> str:
    """Return the lines of a header whose value is text, such as `Subject`. The text has no control characters."""
    if _PLAIN.fullmatch(text) and "=?" not in text:
        return _fold(f"{name}: {text}")
    return f"{name}: {_encode(text, len(name) + 2)}{_CRLF}"


def mailbox_header(name: str, display_name: str, address: str) -> str:
    """Return the lines of a header that holds one mailbox: a name, or "", and the address in angle brackets."""
    if not display_name:
        return f"{name}: {address}{_CRLF}"
    phrase = _phrase(display_name, len(name) + 2)
    last_line = f"{name}: {phrase}".rpartition(_CRLF)[2]
    blank = " " if len(last_line) + len(address) + 3 <= _MAX_LINE else f"{_CRLF} "
    return f"{name}: {phrase}{blank}<{address}>{_CRLF}"


def plain_header(name: str, value: str) -> str:
    """Return the line of a header whose value is a token of ours, such as a date or an id."""
    return f"{name}: {value}{_CRLF}"


def _phrase(text: str, column: int) -> str:
    if _PLAIN.fullmatch(text) and "=?" not in text:
        quoted = '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
        phrase = text if _ATOMS.fullmatch(text) else quoted
        if column + len(phrase) <= _MAX_LINE:
            return phrase
    return _encode(text, column)


def _encode(text: str, column: int) -> str:
    """Return the text in encoded words of at most 75 characters, each of whole characters, one a line."""
    header = Header(text, _UTF8, maxlinelen=_MAX_LINE, header_name="x" * max(0, column - 2))
    return header.encode(linesep=_CRLF)


def _fold(line: str) -> str:
    lines = [""]
    for word in line.split(" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > _MAX_LINE:
            lines.append("")
        lines[-1] += f" {word}" if lines[-1] or len(lines) > 1 else word
    return _CRLF.join(lines) + _CRLF
