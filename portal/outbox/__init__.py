"""What leaves: mail and later work, written in the transaction that causes it and done by the worker."""
