"""The customer's saved methods, as pages."""
