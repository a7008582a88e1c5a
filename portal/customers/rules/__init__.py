"""Validation of what a customer is: profile, postal addresses, tax numbers, fields of the merchant's; pure."""
