"""What is done with payments: begin a checkout, confirm, send, record the outcome, resolve, cancel."""
