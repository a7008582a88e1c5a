"""What can go wrong with an import: with its file, with its mapping of columns, with one of its rows."""

from __future__ import annotations

from portal.errors import PortalError


class FileUnreadable(PortalError):
    """The file as a whole cannot be read; the sentence says why."""


class MappingFault(PortalError):
    """The command names a column or a field that does not exist, or omits a required one; nothing was written.

    `lacks_columns`: the header has not what is needed, so that it may not be the header at all.
    """

    def __init__(self, sentence: str, *, lacks_columns: bool = False) -> None:
        self.lacks_columns = lacks_columns
        super().__init__(sentence)


class UnknownRun(PortalError):
    """There is no run of an import with this id, or not of this merchant."""


class CannotUndo(PortalError):
    """A run is undone already, or something of what it made was paid, used or refunded since; the sentence says what."""
