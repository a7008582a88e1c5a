"""The spool of an import: rows on disk, so that those of one object are read together however far apart they are in the file.

It is a nameless temporary SQLite database: it leaves nothing behind, even when the process is killed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from itertools import groupby
from types import TracebackType
from typing import Any, Self

from portal.importing.operations.csv_reader import CUT_OFF
from portal.importing.rules.groups import MAX_GROUP_ROWS, Group, Reading, SpooledRow

_BATCH = 1000
_PERSON = ("name", "email", "phone", "country", "country_name")
_SCHEMA = f"""
CREATE TABLE rows (
    line INTEGER PRIMARY KEY, owner TEXT, object TEXT, at INTEGER, payload TEXT, reason TEXT, raw TEXT NOT NULL,
    id TEXT, reference TEXT, email_key TEXT, email TEXT, phone TEXT, {" TEXT, ".join(f"person_{name}" for name in _PERSON)} TEXT
) STRICT
"""
# The earliest instant of an owner's good rows is the owner's own, when it has to be created. Groups come in the order of the file.
_GROUPS = f"""
WITH owners AS (SELECT owner, min(at) AS at FROM rows WHERE owner IS NOT NULL AND reason IS NULL GROUP BY owner),
loose AS (SELECT object, min(line) AS line FROM rows WHERE owner IS NULL AND object IS NOT NULL AND reason IS NOT NULL GROUP BY object),
ordered AS (
    SELECT line, owner, object, payload, reason, min(line) OVER (PARTITION BY owner, object) AS first
    FROM rows WHERE owner IS NOT NULL AND object IS NOT NULL
)
SELECT ordered.line, ordered.owner, ordered.object, ordered.payload, ordered.reason, owners.at, loose.line AS spoilt_by,
    {", ".join(f"people.{name}" for name in _PERSON)}
FROM ordered LEFT JOIN owners ON owners.owner = ordered.owner LEFT JOIN people ON people.owner = ordered.owner
LEFT JOIN loose ON loose.object = ordered.object AND ordered.object <> ''
ORDER BY ordered.first, ordered.line
"""  # noqa: S608
_FIRST_OF_PEOPLE = f"""
INSERT INTO people SELECT owner, {", ".join(f"person_{name}" for name in _PERSON)} FROM rows
WHERE owner IS NOT NULL AND reason IS NULL ORDER BY line
ON CONFLICT (owner) DO UPDATE SET {", ".join(f"{name} = coalesce({name}, excluded.{name})" for name in _PERSON)}
"""  # noqa: S608
# One reference is one person. The first email address of a reference in the file is that person's; where the file has none, the first
# telephone number.
_CONFLICTS = """
CREATE TABLE first_emails AS SELECT reference, email_key, email, min(line) AS line FROM rows
    WHERE reference IS NOT NULL AND email_key IS NOT NULL AND reason IS NULL GROUP BY reference;
CREATE UNIQUE INDEX first_emails_by_reference ON first_emails (reference);
CREATE INDEX first_emails_by_key ON first_emails (email_key);
CREATE TABLE first_phones AS SELECT reference, phone, min(line) AS line FROM rows
    WHERE reference IS NOT NULL AND phone IS NOT NULL AND reason IS NULL
    AND reference NOT IN (SELECT reference FROM first_emails) GROUP BY reference;
CREATE UNIQUE INDEX first_phones_by_reference ON first_phones (reference);
UPDATE rows SET reason = 'customer ' || rows.reference || ' is ' || first.email || ' in line ' || first.line || ' and ' || rows.email
    || ' here, and one reference is one customer; where it stands for guests: --none customer=' || rows.reference
    FROM first_emails AS first
    WHERE first.reference = rows.reference AND rows.email_key <> first.email_key AND rows.reason IS NULL;
UPDATE rows SET reason = 'customer ' || rows.reference || ' has the telephone number ' || first.phone || ' in line ' || first.line
    || ' and ' || rows.phone || ' here, and one reference is one customer; where it stands for guests: --none customer='
    || rows.reference FROM first_phones AS first
    WHERE first.reference = rows.reference AND rows.phone <> first.phone AND rows.reason IS NULL;
"""
# A row without a reference is about the person of its email address, and one without that about the person of its telephone number,
# whom other rows may know by a reference.
_OWNERS = """
UPDATE rows SET owner = CASE WHEN id IS NOT NULL THEN 'i:' || id WHEN reference IS NOT NULL THEN 'r:' || reference END
    WHERE owner IS NULL;
CREATE TABLE by_email AS SELECT email_key, count(*) AS count, min(reference) AS reference FROM first_emails GROUP BY email_key;
CREATE UNIQUE INDEX by_email_key ON by_email (email_key);
UPDATE rows SET reason = 'more than one customer of the file has this email address; give the reference'
    FROM by_email WHERE rows.owner IS NULL AND by_email.email_key = rows.email_key AND by_email.count > 1 AND rows.reason IS NULL;
UPDATE rows SET owner = 'r:' || by_email.reference
    FROM by_email WHERE rows.owner IS NULL AND by_email.email_key = rows.email_key AND by_email.count = 1;
UPDATE rows SET owner = 'e:' || email_key WHERE owner IS NULL AND email_key IS NOT NULL AND reason IS NULL;
CREATE TABLE by_phone AS SELECT phone, count(DISTINCT owner) AS count, min(owner) AS owner FROM rows
    WHERE phone IS NOT NULL AND owner IS NOT NULL GROUP BY phone;
CREATE UNIQUE INDEX by_phone_number ON by_phone (phone);
UPDATE rows SET reason = 'more than one customer of the file has this telephone number; give the reference'
    FROM by_phone WHERE rows.owner IS NULL AND by_phone.phone = rows.phone AND by_phone.count > 1 AND rows.reason IS NULL;
UPDATE rows SET owner = by_phone.owner
    FROM by_phone WHERE rows.owner IS NULL AND by_phone.phone = rows.phone AND by_phone.count = 1 AND rows.reason IS NULL;
UPDATE rows SET owner = 'p:' || phone WHERE owner IS NULL AND phone IS NOT NULL AND reason IS NULL;
"""


class Spool:
    """Rows between the reading of the file and the writing to the database."""

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None)
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-8000", "temp_store=FILE"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute(_SCHEMA)
        self._connection.execute(f"CREATE TABLE people (owner TEXT PRIMARY KEY, {', '.join(_PERSON)}) WITHOUT ROWID")
        self._connection.execute("BEGIN")
        self._waiting: list[tuple[Any, ...]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def add(self, line: int, reading: Reading, cells: list[str]) -> None:
        """Store a row that belongs to an object. Its own faults go with it: they are reported when all rows of the object are known."""
        keys = reading.keys
        at = int(reading.at.timestamp() * 1_000_000) if reading.at and not reading.reasons else None
        payload = {**reading.payload, "reasons": reading.reasons} if reading.reasons else reading.payload
        self._put(
            line, keys.owner, keys.object, at, json.dumps(payload), None, cells,
            (keys.id, keys.reference, keys.email_key, keys.email, keys.phone),
            tuple(reading.person.get(name) for name in _PERSON),
        )  # fmt: skip

    def refuse(self, line: int, reason: str, cells: list[str], *, object_: str | None = None) -> None:
        """Store a row that cannot be imported and does not say whose it is; no object of the name `object_` is whole without it."""
        self._put(line, None, object_ or None, None, None, reason, cells, (None,) * 5, (None,) * len(_PERSON))

    def refuse_spooled(self, reasons: Mapping[int, str]) -> None:
        """Mark spooled rows, by line, that cannot be imported after all."""
        self._connection.executemany(
            "UPDATE rows SET reason = ? WHERE line = ?", [(reason, line) for line, reason in reasons.items()]
        )

    def find_owners(self) -> None:
        """Find out who is who, once all rows are stored: rows that name one person in two ways, and references that name two."""
        self._flush()
        self._connection.executescript(f"{_CONFLICTS}{_OWNERS}{_FIRST_OF_PEOPLE}")
        self._connection.execute("BEGIN")

    def groups(self) -> Iterator[Group]:
        """All rows that name their object, object by object, in the order of the file. Of a group that is too large only the first
        rows are included."""
        self._flush()
        cursor = self._connection.execute(_GROUPS)
        for (owner, object_), rows in groupby(cursor, key=lambda row: (row[1], row[2])):
            rows_of_group: list[SpooledRow] = []
            beyond: dict[int, str] = {}
            at = spoilt_by = None
            person: dict[str, str] = {}
            for line, _, _, payload, reason, at, spoilt_by, *details in rows:  # noqa: B007 - the last row's are the group's
                if len(rows_of_group) <= MAX_GROUP_ROWS:
                    rows_of_group.append(SpooledRow(line, json.loads(payload) if payload else {}, reason))
                else:
                    beyond[line] = f"more than {MAX_GROUP_ROWS} rows are of one object"
                person = {name: value for name, value in zip(_PERSON, details, strict=True) if value}
            if beyond:
                self.refuse_spooled(beyond)
            yield Group(owner, object_, at, tuple(rows_of_group), person, spoilt_by)

    def refusals(self) -> Iterator[tuple[int, str, list[str]]]:
        """Line, reason and cells of every row that was refused, by line."""
        self._flush()
        for line, reason, raw in self._connection.execute(
            "SELECT line, reason, raw FROM rows WHERE reason IS NOT NULL ORDER BY line"
        ):
            yield line, reason, json.loads(raw)

    def reasons(self, most: int) -> list[tuple[str, int]]:
        """The reasons that most rows were refused for, and how many rows each. That the file ends within a quote is among them: it may
        be cut off."""
        self._flush()
        found: list[tuple[str, int]] = self._connection.execute(
            "SELECT reason, count(*) FROM rows WHERE reason IS NOT NULL"
            " GROUP BY reason ORDER BY reason = ? DESC, 2 DESC, 1 LIMIT ?",
            [CUT_OFF, most],
        ).fetchall()
        return found

    def refusal_count(self) -> int:
        self._flush()
        return int(self._connection.execute("SELECT count(*) FROM rows WHERE reason IS NOT NULL").fetchone()[0])

    def row_count(self) -> int:
        self._flush()
        return int(self._connection.execute("SELECT count(*) FROM rows").fetchone()[0])

    def _put(
        self,
        line: int,
        owner: str | None,
        object_: str | None,
        at: int | None,
        payload: str | None,
        reason: str | None,
        cells: list[str],
        keys: tuple[str | None, ...],
        person: tuple[str | None, ...],
    ) -> None:
        self._waiting.append((line, owner, object_, at, payload, reason, json.dumps(cells), *keys, *person))
        if len(self._waiting) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            places = ", ".join("?" * len(self._waiting[0]))
            self._connection.executemany(f"INSERT INTO rows VALUES ({places})", self._waiting)  # noqa: S608
            self._waiting.clear()
