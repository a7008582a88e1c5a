"""Reads of questions."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa

from portal.database import Reader
from portal.questions.models import Question
from portal.tenancy import MerchantScope


class StoredQuestion(NamedTuple):
    """A question as it was asked."""

    customer_id: str
    object_id: str | None
    topic: str
    text: str
    created_at: datetime


def find_question(reader: Reader, scope: MerchantScope, question_id: str) -> StoredQuestion | None:
    """Return the question of an id."""
    row = reader.execute(
        sa.select(*[getattr(Question, name) for name in StoredQuestion._fields]).where(
            Question.merchant_id == scope.merchant_id, Question.id == question_id
        )
    ).first()
    return StoredQuestion._make(row) if row is not None else None
