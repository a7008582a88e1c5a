"""The real operations of paying under a seeded scheduler, clock, network and gateway: `python -m tests.simulation --help`."""
