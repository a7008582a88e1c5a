"""Notch Pay by its REST API: hosted pages, prompts to telephones, refunds, and its list of payments.

What is known of it comes from developer.notchpay.co (API 2.1.0): the pages `api-reference/payments`, `/webhooks`, `/errors`,
`/process-a-payment-1`, `/cancel-a-payment`, `accept-payments/collect`, `/mobile-money`, `/refunds`, `docs/payments/status` and
`get-started/webhooks/verify`. Where these contradict each other or are silent, the code says so and takes the side on which no
money can go wrong.
"""

from portal.gateways.notchpay.client import Keys, NotchPayGateway

__all__ = ["Keys", "NotchPayGateway"]
