"""Notices: reminders of invoices, what each customer wants to get, copies to other addresses. `portal/emails/` writes the mails."""
