"""Signing in: challenges (link and code), sessions, and the hand-off from the API."""
