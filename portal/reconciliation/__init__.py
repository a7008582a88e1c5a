"""The gateway's own list of charges against the ledger, once a day; each break is kept and shown until it is resolved."""
