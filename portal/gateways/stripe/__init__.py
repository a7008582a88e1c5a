"""Stripe, through its official SDK: saved cards, Checkout for paying and for saving a card, refunds, webhooks.

Only `client.py` imports the SDK, which is slow to load, and it is imported only when an account at Stripe is used.
"""
