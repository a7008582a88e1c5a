"""Which customers of a merchant may be one: the pairs of which one proved a mail address that the other has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

Pair = frozenset[str]


@dataclass(frozen=True, slots=True)
class ProvedAddress:
    """At the instant `at` a customer proved an address, or proved its old one again, which `others` (ids) have as well."""

    customer_id: str
    others: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class KeptApart:
    """The merchant said that these are two customers."""

    pair: Pair


@dataclass(frozen=True, slots=True)
class ProposedPair:
    """`customer_id` proved the address that `other_id` has, last at the instant `at`."""

    customer_id: str
    other_id: str
    at: datetime

    @property
    def pair(self) -> Pair:
        return frozenset({self.customer_id, self.other_id})


def propose_pairs(facts: Iterable[ProvedAddress | KeptApart]) -> list[ProposedPair]:
    """Return each pair once, by its latest proof, newest first; a pair that is kept apart is never proposed again.

    `facts` come oldest first. Whether both customers still exist and still have the address is not known here.
    """
    latest: dict[Pair, ProposedPair] = {}
    apart: set[Pair] = set()
    for fact in facts:
        if isinstance(fact, KeptApart):
            apart.add(fact.pair)
            continue
        for other in fact.others:
            proposed = ProposedPair(fact.customer_id, other, fact.at)
            latest.pop(proposed.pair, None)
            latest[proposed.pair] = proposed
    return [proposed for proposed in reversed(latest.values()) if proposed.pair not in apart]
