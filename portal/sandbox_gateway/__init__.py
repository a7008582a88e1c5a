"""A payment gateway for development: an application, database and process of its own, which imports nothing else of the portal.

Start it with `python -m portal.sandbox_gateway --database FILE`; its start page, `GET /`, lists the test numbers.
"""
