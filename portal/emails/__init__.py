"""Mails: their page dataclasses, rendering, headers and delivery."""
