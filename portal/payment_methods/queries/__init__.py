"""Reads of saved methods, of setups, and of what gateways need of them."""
