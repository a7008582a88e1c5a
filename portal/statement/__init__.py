"""The account statement: what was charged, paid and credited between two days, with the balance before and after, from the ledger."""
