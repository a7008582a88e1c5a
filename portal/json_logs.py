"""JSON logs on standard error, for processes of our own. A mounted portal leaves logging to its host application."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

from portal.contacts import mask_card_numbers

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def write_json_logs(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Log from `level` on to `stream` in this process; a second call replaces the first."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # It logs each plugin that it loads.


class JsonLines(logging.Formatter):
    """One object a line: `at`, `level`, `logger`, `event`, and the fields of `extra`. Control characters are escaped, card
    numbers are masked (threats, rule 38)."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(_masked(line), default=lambda value: mask_card_numbers(str(value)))


def _masked(value: Any) -> Any:
    """Return the value with card numbers masked in every text, at any depth."""
    if isinstance(value, str):
        return mask_card_numbers(value)
    if isinstance(value, dict):
        return {_masked(name): _masked(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(each) for each in value]
    return value
