"""Changes the rules of money one small fault at a time and runs the tests that reach it: `python -m tests.mutation --help`."""
