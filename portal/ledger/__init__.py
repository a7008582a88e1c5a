"""What is owed and held, in double entry: append-only, balanced by the database, sealed in a chain of hashes."""
