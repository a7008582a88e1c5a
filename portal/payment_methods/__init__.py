"""How a customer pays: saved methods, always as a gateway's token."""
