"""A customer's credit at a merchant, available for their next payment."""
