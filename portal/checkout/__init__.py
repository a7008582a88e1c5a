"""The two steps of paying, as the customer sees them: choose, then review and pay."""
