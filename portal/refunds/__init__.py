"""Refunds of a payment."""
