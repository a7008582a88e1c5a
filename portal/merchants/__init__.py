"""The merchant: the tenant, its settings, API keys and accounts at gateways."""
