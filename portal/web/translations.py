"""The languages of the portal: its catalogues, the choice between them, and the check that none has a gap.

English is the message id; every other language is a PO file in `portal/translations`, read at its first use. Formats of numbers and
dates live in `portal.web.formats`.
"""
