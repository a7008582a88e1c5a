"""Mails: what their templates are given, and how they are made."""
