"""Money given back: refunds of a payment."""
