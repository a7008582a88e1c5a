"""The first page after signing in: what is owed, what needs attention, what was paid last."""
