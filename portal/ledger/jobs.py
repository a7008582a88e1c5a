"""The worker's job for the ledger: seal new transactions."""

from __future__ import annotations

import logging

from sqlalchemy.exc import IntegrityError

from portal.ledger.operations.posting import list_unsealed, seal_next
from portal.services import Services

log = logging.getLogger(__name__)


def seal_ledger(services: Services) -> int:
    """Seal the unsealed transactions, merchant by merchant; return how many batches were sealed. The head of each chain is logged.

    Of two workers at once the primary key of the links admits one; the other continues in its next round.
    """
    count = 0
    with services.database.read() as reader:
        merchants = list_unsealed(reader)
    for merchant_id in merchants:
        while True:
            try:
                head = services.database.run(
                    lambda session, merchant_id=merchant_id: seal_next(  # type: ignore[misc]  # binds the loop's value
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
