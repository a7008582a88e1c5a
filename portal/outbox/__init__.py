"""The outbox: mail and deferred work, written in the transaction that causes it and processed by the worker."""
