"""Posting to the ledger, and proving it."""
