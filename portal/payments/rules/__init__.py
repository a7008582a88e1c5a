"""Decisions about payments, as pure functions: statuses and outcomes, and what an amount divides into."""
