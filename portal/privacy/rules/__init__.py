"""Decisions about personal data: what an erasure does with each table, and when it may."""
