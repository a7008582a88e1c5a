"""What can go wrong with an import: with its file, with its mapping of columns, with one of its rows."""

from __future__ import annotations

from portal.errors import PortalError


class FileUnreadable(PortalError):
    """The file as a whole cannot be read; the sentence says why."""


class MappingFault(PortalError):
    """The command names a column or a field that does not exist, or omits a required one; nothing was written."""


class RowRefused(PortalError):
    """A row cannot be imported. `spoils`: neither can the other rows of its object, which would be wrong without it."""

    def __init__(self, reasons: list[str], *, spoils: bool = True) -> None:
        self.reasons = reasons
        self.spoils = spoils
        super().__init__("; ".join(reasons))
