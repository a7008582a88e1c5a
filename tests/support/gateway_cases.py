"""Which gateway a case of the contract suite applies to: what a gateway does not offer never becomes a test."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from portal.gateways.contract import Capabilities
from tests.support.benches import BENCHES
from tests.support.gateway_bench import Act, GatewayBench
from tests.support.gateway_orders import ACTS, is_offered

Bench = type[GatewayBench]


def each_bench(
    able: Callable[[Capabilities], object] = lambda _able: True, like: Callable[[Bench], object] = lambda _bench: True
) -> pytest.MarkDecorator:
    """The test runs once a gateway whose capabilities are `able`, and whose provider is `like` that."""
    kinds = [bench for bench in BENCHES if able(bench.capabilities) and like(bench)]
    return pytest.mark.parametrize("bench", kinds, indirect=True, ids=_name)


def each_act(*acts: Act) -> pytest.MarkDecorator:
    """The test runs once a gateway and act that it offers, of all acts unless told."""
    cases = [(bench, act) for bench in BENCHES for act in acts or ACTS if is_offered(act, bench.capabilities)]
    ids = [f"{_name(bench)}-{act}" for bench, act in cases]
    return pytest.mark.parametrize(("bench", "act"), cases, indirect=["bench"], ids=ids)


def each_kind(
    name: str, kinds_of: Callable[[Bench], tuple[str, ...]], able: Callable[[Capabilities], object]
) -> pytest.MarkDecorator:
    """The test runs once a gateway and kind of card or telephone that its bench has."""
    cases = [(bench, kind) for bench in BENCHES if able(bench.capabilities) for kind in kinds_of(bench)]
    return pytest.mark.parametrize(
        ("bench", name), cases, indirect=["bench"], ids=[f"{_name(bench)}-{kind}" for bench, kind in cases]
    )


def _name(bench: Bench) -> str:
    return bench.__name__.removesuffix("Bench").lower()
