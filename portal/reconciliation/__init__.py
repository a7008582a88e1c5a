"""The gateway's own list of charges against the ledger, once a day; each difference is stored and reported until it is resolved."""
