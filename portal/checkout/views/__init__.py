"""The checkout's two steps, as pages."""
