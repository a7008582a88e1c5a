"""Notch Pay through its REST API: hosted pages, prompts to telephones, refunds, and its list of payments.

Everything here follows developer.notchpay.co (API 2.1.0): the pages `api-reference/payments`, `/webhooks`, `/errors`,
`/process-a-payment-1`, `/cancel-a-payment`, `accept-payments/collect`, `/mobile-money`, `/refunds`, `docs/payments/status` and
`get-started/webhooks/verify`. Where these contradict each other or say nothing, a comment says so, and the code takes the reading
that cannot charge or refund twice.
"""

from portal.gateways.notchpay.client import Keys, NotchPayGateway

__all__ = ["Keys", "NotchPayGateway"]
