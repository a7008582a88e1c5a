"""Money that stands to a customer's credit at a merchant, ready for their next payment."""
