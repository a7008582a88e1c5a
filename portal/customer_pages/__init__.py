"""What every page of a customer stands on: guard, session, shell, language, registration. The pages stay with their noun."""
