"""Who pays: the customer's profile."""
