"""Paying: from the checkout to the recorded outcome."""
