"""The persons of a customer's account beside its own mail address: who they are, what each may do."""
