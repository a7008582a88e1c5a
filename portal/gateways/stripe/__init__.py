"""Stripe, through its official SDK: saved cards, Checkout for paying and for keeping a card, refunds, webhooks.

The SDK is imported by `client.py` alone, which is imported when a merchant's account at Stripe is used: it is heavy.
"""
