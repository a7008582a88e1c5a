"""Pages of payments, built from rows."""
