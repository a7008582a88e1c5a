"""Bringing a merchant's own customers, invoices and payments over from CSV files, row by row, with a reason for each refusal."""
