"""Pages of the checkout's two steps, built from rows."""
