"""What can go wrong with exports and erasures."""

from __future__ import annotations

from portal.errors import PortalError


class ExportUnderWay(PortalError):
    """An export of this customer is being made already."""

    status = 409
    sentence = "An export is being made already."


class TooManyExports(PortalError):
    """The customer requested as many exports today as it may."""

    status = 429
    sentence = "You have requested several exports today. Try again tomorrow."


class ErasureBegun(PortalError):
    """The erasure has begun, and cannot be withdrawn any more."""

    status = 409
    sentence = "The erasure has begun and cannot be stopped."
