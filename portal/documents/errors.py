"""What can go wrong with papers."""

from __future__ import annotations

from portal.errors import PortalError


class PaperNotSet(PortalError):
    """A paper could not be typeset; the log says why."""

    status = 500
    sentence = "This document could not be made."


class PapersBusy(PortalError):
    """Too many papers are being drawn at this moment."""

    status = 503
    seconds = 30
    sentence = "Yours can be made in a minute: please try again then."


class PaperTooLong(PortalError):
    """A paper has more lines than one can have."""

    status = 422
    sentence = "This document has too many lines for a PDF. They are all on its page."


class TooManyInArchive(PortalError):
    """More invoices were asked for than one ZIP may have."""

    status = 422
    sentence = "One download may have at most 100 invoices. Choose fewer."


class TooManyInPeriod(PortalError):
    """A period has more papers than one ZIP may have."""

    status = 422
    sentence = "One download may have at most 500 documents. Choose fewer days."


class NothingChosen(PortalError):
    """A ZIP of no invoices was asked for."""

    status = 422
    sentence = "Choose at least one invoice to download."


class InvalidAttachment(PortalError):
    """A file is no PDF that may be attached; the message says why."""

    sentence = "The file is not a PDF that can be attached."
