"""Payment providers: their common interface (`contract`), a registry, and one package per provider."""
