"""The base of the customer's pages: guard, session, shell, language, registration. The pages themselves are in their domains."""
