"""What happened, to what, by whom: one closed list of events, and the one call that records them."""
