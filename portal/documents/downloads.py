"""What a download of papers is made of: one that is fixed now where none was, and several as the files of a ZIP."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime

from flask import Response
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.documents.archives import Archive, Entry
from portal.documents.errors import PaperNotSet
from portal.documents.papers import StoredPaper
from portal.documents.queries import find_attached, find_paper
from portal.documents.typesetting import Typesetter
from portal.services import Services
from portal.tenancy import Scope
from portal.web.downloads import send_file
from portal.web.runtime import current_runtime

Fix = Callable[[Session, str, str], None]
"""Fixes the paper of an object of a merchant: (session, merchant_id, object_id)."""


@dataclass(frozen=True, slots=True)
class Papers:
    """The papers of a customer, whose objects the caller has found within the scope. It outlives the request: a ZIP is drawn while it is
    sent."""

    services: Services
    scope: Scope
    typesetter: Typesetter

    def fixed(self, object_id: str, fix: Fix) -> StoredPaper:
        """Return the paper of an object. What was issued elsewhere, or before there were papers, is fixed by its first download.

        That a GET writes is meant (decision 0043): it can be repeated, and run by somebody else's link or a browser ahead of time, and
        gives the reader what any later download would give; nobody sees anything change. A job would fix a million papers that
        nobody asks for."""
        paper = self._find(object_id)
        if paper is None:
            try:
                self.services.database.run(lambda session: fix(session, self.scope.merchant_id, object_id))
            except IntegrityError:
                # Two first downloads at once: the other one has fixed it.
                if self._find(object_id) is None:
                    raise
            paper = self._find(object_id)
        if paper is None:
            raise PaperNotSet
        return paper

    def own(self, invoice_id: str) -> bytes | None:
        """Return the merchant's own PDF of an invoice."""
        with self.services.database.read() as reader:
            return find_attached(reader, self.scope.merchant_id, invoice_id)

    def entry(self, name: str, at: datetime, object_id: str, fix: Fix) -> Entry:
        """Return the paper of an object as a file of a ZIP, the merchant's own PDF where there is one."""
        return Entry(name, at, lambda: self.own(object_id) or self.typesetter.draw_next(self.fixed(object_id, fix)))

    def _find(self, object_id: str) -> StoredPaper | None:
        with self.services.database.read() as reader:
            return find_paper(reader, self.scope, object_id)


def send_archive(entries: Iterable[Entry], *, name: str) -> Response:
    """Return a ZIP of these files, each made when the download has come to it. Raises PapersBusy."""
    with ExitStack() as stack:
        stack.enter_context(current_runtime().typesetter.archive_place())
        return send_file(Archive(entries, stack.pop_all()), name=name, content_type="application/zip")
