"""What is owed: invoices, their lines, and credit notes."""
