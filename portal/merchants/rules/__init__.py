"""Validation of a merchant's settings and payment options, and encryption of its secrets; pure."""
