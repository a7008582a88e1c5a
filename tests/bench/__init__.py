"""Measures pages of the portal as ratios to a bare page in the same run: `python -m tests.bench`, or `make bench`.

`floor.py` is that bare page: the project's own yardstick, copied here unchanged and never edited, so that figures of different
days and machines can be compared. docs/performance.md says how to read what is printed.
"""
