"""The demonstration: its start page and the mails it caught."""
