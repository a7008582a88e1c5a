"""What the worker does about the ledger: seal what was posted since."""

from __future__ import annotations

import logging

from sqlalchemy.exc import IntegrityError

from portal.ledger.operations.posting import list_unsealed, seal_next
from portal.services import Services

log = logging.getLogger(__name__)


def seal_ledger(services: Services) -> int:
    """Seal whatever waits, merchant by merchant; tells how many chains grew. The head of each goes to the log.

    Two workers at once: the primary key of the links admits one of them, the other one's turn comes again.
    """
    count = 0
    with services.database.read() as reader:
        merchants = list_unsealed(reader)
    for merchant_id in merchants:
        while True:
            try:
                head = services.database.run(
                    lambda session, merchant_id=merchant_id: seal_next(  # type: ignore[misc]  # the loop's value, kept
                        session, merchant_id, at=services.clock.now()
                    )
                )
            except IntegrityError:
                break
            if head is None:
                break
            count += 1
            log.info(
                "ledger.sealed",
                extra={"merchant": head.merchant_id, "sequence": head.sequence, "digest": head.digest},
            )
    return count
