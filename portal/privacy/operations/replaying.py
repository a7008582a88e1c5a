"""Erases again who was erased, after an older backup was restored, which has these customers as they were."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from portal.database import Database
from portal.events.rules import COMMAND
from portal.privacy.operations.erasing import list_tokens_in_use, note_scrubbed, restore_tombstone
from portal.privacy.operations.scrubbing import scrub
from portal.privacy.queries import find_erasure
from portal.services import Services
from portal.tenancy import Scope


def replay_erasures(services: Services, tombstones: Iterable[Mapping[str, str]]) -> tuple[int, int]:
    """Erase each of these again: `{"merchant": "mer_…", "customer": "cus_…"}`, as the file of the setting `erasures_file` has them. Return
    how many tombstones were read of customers that are here, and how many of these were not erased here any more.

    Nothing is mailed. What needs a saved method's token, which is deleted at its gateway first, the worker finishes.
    """
    read_count = restored_count = 0
    for line in tombstones:
        scope, at = Scope(line["merchant"], line["customer"]), services.clock.now()
        was_erased = _is_erased(services.database, scope)
        if not services.database.run(partial(restore_tombstone, scope=scope, actor=COMMAND, at=at)):
            continue
        read_count += 1
        restored_count += not was_erased
        needed = services.database.run(partial(list_tokens_in_use, scope=scope))
        scrub(services.database, services.settings.keys, scope, services.crash_point, but_methods=needed)
        if was_erased and not needed:
            services.database.run(partial(note_scrubbed, scope=scope, at=at))
    return read_count, restored_count


def _is_erased(database: Database, scope: Scope) -> bool:
    with database.read() as reader:
        erasure = find_erasure(reader, scope)
    return erasure is not None and erasure.erased_at is not None
