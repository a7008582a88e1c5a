"""Signals for the host application: best effort, after the commit, in the process that did it. Webhooks tell everybody else."""

from __future__ import annotations

import logging
from typing import Any

from blinker import Namespace, Signal

log = logging.getLogger(__name__)
_namespace = Namespace()

payment_processing: Signal = _namespace.signal("payment-processing")
payment_complete: Signal = _namespace.signal("payment-complete")
payment_failed: Signal = _namespace.signal("payment-failed")
payment_canceled: Signal = _namespace.signal("payment-canceled")
payment_expired: Signal = _namespace.signal("payment-expired")
payment_method_added: Signal = _namespace.signal("payment-method-added")
payment_method_updated: Signal = _namespace.signal("payment-method-updated")
payment_method_removed: Signal = _namespace.signal("payment-method-removed")
signed_in: Signal = _namespace.signal("signed-in")
signed_out: Signal = _namespace.signal("signed-out")

_OF_METHOD = {
    "added": payment_method_added,
    "updated": payment_method_updated,
    "removed": payment_method_removed,
}
_OF_STATUS = {
    "processing": payment_processing,
    "pending": payment_processing,
    "requires_action": payment_processing,
    "complete": payment_complete,
    "failed": payment_failed,
    "rejected": payment_failed,
    "canceled": payment_canceled,
    "expired": payment_expired,
    "abandoned": payment_expired,
}


def send_payment_status(merchant_id: str, payment_id: str, customer_id: str, status: str) -> None:
    """Tell that a payment has taken a new status; receivers get ids, and read the rest themselves."""
    signal = _OF_STATUS.get(status)
    if signal is not None:
        send(signal, merchant_id, payment_id=payment_id, customer_id=customer_id, status=status)


def send_method(verb: str, merchant_id: str, method_id: str, customer_id: str) -> None:
    """Tell that a saved method was added (or entered once more), updated (name, default) or removed."""
    send(_OF_METHOD[verb], merchant_id, payment_method_id=method_id, customer_id=customer_id)


def send(signal: Signal, merchant_id: str, **ids: Any) -> None:
    """Send to every receiver with the merchant's id as the sender; one that fails is logged and undoes nothing."""
    for receiver in signal.receivers_for(merchant_id):
        try:
            receiver(merchant_id, **ids)
        except Exception:  # a host's receiver may fail in any way; what is committed stays
            log.exception(
                "signal.receiver_failed", extra={"signal": signal.name if hasattr(signal, "name") else "signal"}
            )
