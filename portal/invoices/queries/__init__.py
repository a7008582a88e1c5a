"""Reads of invoices and credit notes."""
