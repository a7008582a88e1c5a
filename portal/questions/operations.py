"""Asks a question: kept, recorded as an event, mailed to the merchant."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from portal.customers.operations import lock_customer
from portal.events.operations import record
from portal.events.rules import Actor, Event, EventType
from portal.public_ids import new_id
from portal.questions.errors import TooManyQuestions
from portal.questions.models import Question
from portal.questions.rules import PER_HOUR
from portal.sign_in.operations.limits import HOUR
from portal.tenancy import Scope


def ask_question(
    session: Session, scope: Scope, *, topic: str, text: str, object_id: str | None, actor: Actor, at: datetime
) -> str:
    """Keep a question and have it mailed to the merchant; return its id. Raises TooManyQuestions.

    `text` is as `read_question` returns it. The event says that something was asked and about what, never the words.
    """
    lock_customer(session, scope)
    recent = session.execute(
        sa.select(Question.created_at)
        .where(
            Question.merchant_id == scope.merchant_id,
            Question.customer_id == scope.customer_id,
            Question.created_at > at - HOUR,
        )
        .order_by(Question.created_at)
    ).scalars().all()  # fmt: skip
    if len(recent) >= PER_HOUR:
        raise TooManyQuestions(recent[-PER_HOUR] + HOUR, at)
    question_id = new_id("qst", at)
    session.add(
        Question(
            merchant_id=scope.merchant_id, id=question_id, customer_id=scope.customer_id, object_id=object_id, topic=topic, text=text,
            created_at=at,
        )
    )  # fmt: skip
    session.flush()
    shape = {"id": question_id, "object": "question", "customer": scope.customer_id, "about": object_id, "topic": topic}
    event = Event(
        type=EventType.QUESTION_ASKED,
        merchant_id=scope.merchant_id,
        object_id=question_id,
        customer_id=scope.customer_id,
        object=shape,
        details={"about": object_id, "topic": topic},
        at=at,
    )
    record(session, actor, event)
    return question_id
