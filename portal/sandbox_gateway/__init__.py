"""The gateway to develop against: its own application, database and process; it imports nothing else of the portal.

Start it with `python -m portal.sandbox_gateway --database FILE`; `GET /` of it lists the numbers that make things happen.
"""
