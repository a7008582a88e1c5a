"""What is done with invoices: open one, and the guarded changes of what is left to pay."""
