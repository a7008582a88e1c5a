"""What a customer sees of the safety of its account: where it is signed in, and what happened."""
