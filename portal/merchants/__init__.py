"""Whose brand this is: the tenant, its settings and its API keys."""
