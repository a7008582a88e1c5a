"""The one door to payment providers: a contract, a registry, and one module a provider."""
