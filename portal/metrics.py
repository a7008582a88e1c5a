"""The metrics of `/metrics`: requests of this process, and from the database queues, unknown outcomes and differences."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from portal.database import Reader
from portal.outbox.queries import read_outbox
from portal.payments.queries.at_gateways import read_unknown_payments, read_unsent_payments
from portal.provider_events.queries import read_inbox
from portal.reconciliation.queries import count_open_differences, list_comparisons
from portal.reconciliation.rules import DifferenceKind
from portal.refunds.queries import read_unknown_refunds

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from portal.rendering.fallbacks import Fallbacks
    from portal.web.counting import RequestCounts


def render_metrics(counts: RequestCounts, fallbacks: Fallbacks, reader: Reader, now: datetime) -> bytes:
    """Return the metrics as Prometheus text. Counts of requests and of themes' templates that failed are this process's own (label
    `process`); the gauges are the installation's."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.registry import Collector

    class _Snapshot(Collector):
        def collect(self) -> Iterator[Metric]:
            yield _requests(counts)
            yield _fallbacks(fallbacks)
            yield from _outbox(reader, now)
            yield from _payments(reader, now)
            yield from _refunds(reader, now)
            yield from _events(reader, now)
            yield from _differences(reader, now)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot())
    return bytes(generate_latest(registry))


def _requests(counts: RequestCounts) -> Metric:
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(
        "portal_requests", "Responses by endpoint and status.", labels=("endpoint", "status", "process")
    )
    process = str(os.getpid())
    for (endpoint, status), count in sorted(counts.counts.copy().items()):
        family.add_metric((endpoint, str(status), process), count)
    return family


def _fallbacks(fallbacks: Fallbacks) -> Metric:
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(
        "portal_theme_fallbacks",
        "Pages for which ours stood in for a theme's template that failed.",
        labels=("theme", "template", "process"),
    )
    process = str(os.getpid())
    for (theme, template), count in sorted(fallbacks.counts.copy().items()):
        family.add_metric((theme, template, process), count)
    return family


def _outbox(reader: Reader, now: datetime) -> Iterator[Metric]:
    outbox = read_outbox(reader, late_before=now)
    yield _gauge("portal_outbox_waiting", "Messages of the outbox that are not done.", outbox.waiting_count)
    yield _gauge(
        "portal_outbox_oldest_seconds", "How long the oldest of them has been due.", _age(outbox.oldest_due_at, now)
    )
    yield _gauge("portal_outbox_dead", "Dead letters: messages that failed at every retry.", outbox.dead_count)
    yield _gauge(
        "portal_outbox_refused", "Those that the mail server refused permanently, at once.", outbox.refused_count
    )


def _payments(reader: Reader, now: datetime) -> Iterator[Metric]:
    unsent = read_unsent_payments(reader)
    yield _gauge("portal_payments_unsent", "Confirmed payments that nobody has sent.", unsent.unknown_count)
    yield _gauge(
        "portal_payments_unsent_oldest_seconds",
        "How long ago the oldest of them was confirmed.",
        _age(unsent.oldest_at, now),
    )
    unknown = read_unknown_payments(reader)
    yield _gauge(
        "portal_payments_unknown", "Payments whose outcome the gateway has yet to report.", unknown.unknown_count
    )
    yield _gauge(
        "portal_payments_unknown_oldest_seconds",
        "How long ago the oldest of them was sent.",
        _age(unknown.oldest_at, now),
    )


def _refunds(reader: Reader, now: datetime) -> Iterator[Metric]:
    unknown = read_unknown_refunds(reader)
    yield _gauge("portal_refunds_unknown", "Refunds without a known outcome.", unknown.unknown_count)
    yield _gauge(
        "portal_refunds_unknown_oldest_seconds",
        "How long ago the oldest of them was requested.",
        _age(unknown.oldest_at, now),
    )


def _events(reader: Reader, now: datetime) -> Iterator[Metric]:
    inbox = read_inbox(reader)
    yield _gauge("portal_events_waiting", "Events of gateways that are not handled.", inbox.waiting_count)
    yield _gauge("portal_events_oldest_seconds", "How long ago the oldest of them arrived.", _age(inbox.oldest_at, now))
    yield _gauge("portal_events_dead", "Dead letters among the events of gateways.", inbox.dead_count)


def _differences(reader: Reader, now: datetime) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    counts, oldest_at = count_open_differences(reader)
    family = GaugeMetricFamily(
        "portal_gateway_differences", "Open differences between gateways' lists and the ledger.", labels=("kind",)
    )
    for kind in DifferenceKind:
        family.add_metric((kind.value,), counts.get(kind.value, 0))
    yield family
    yield _gauge(
        "portal_gateway_differences_oldest_seconds", "How long ago the oldest of them was found.", _age(oldest_at, now)
    )
    compared_until = min((row.compared_until for row in list_comparisons(reader)), default=None)
    yield _gauge(
        "portal_gateway_compared_oldest_seconds",
        "Age of the oldest comparison of an account.",
        _age(compared_until, now),
    )


def _gauge(name: str, sentence: str, value: float) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(name, sentence, value=value)


def _age(since: datetime | None, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds()) if since else 0.0
