"""Telling the host application, after the commit and in the process that did it, what became of a payment."""

from __future__ import annotations

from portal.payments.outcomes import Recording


def announce(merchant_id: str, recording: Recording) -> None:
    """Send the signal of the payment's new status; a receiver that fails cannot undo what is committed."""
    from portal import signals

    signals.send_payment_status(merchant_id, recording.payment_id, recording.customer_id, recording.status)
