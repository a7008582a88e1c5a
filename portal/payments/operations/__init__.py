"""What is done with payments: begin a checkout, confirm it, send it to the gateway, record the outcome, resolve, cancel."""
