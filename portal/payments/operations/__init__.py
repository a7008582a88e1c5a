"""What is done with payments: begin a checkout, confirm it, send it to the gateway, record the outcome, resolve, cancel."""

from portal.payments.operations import (
    derived as derived,
)  # Whoever writes payments has what is derived from them written too.
