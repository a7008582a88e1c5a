"""Parametrisation of the contract suite: what a gateway does not offer never becomes a test."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from portal.gateways.contract import Capabilities
from tests.support.benches import BENCHES
from tests.support.gateway_bench import GatewayBench, Operation
from tests.support.gateway_calls import OPERATIONS, is_offered

Bench = type[GatewayBench]


def each_bench(
    able: Callable[[Capabilities], object] = lambda _able: True, like: Callable[[Bench], object] = lambda _bench: True
) -> pytest.MarkDecorator:
    """The test runs once a gateway whose capabilities are `able`, and whose provider is `like` that."""
    kinds = [bench for bench in BENCHES if able(bench.capabilities) and like(bench)]
    return pytest.mark.parametrize("bench", kinds, indirect=True, ids=_name)


def each_operation(*operations: Operation) -> pytest.MarkDecorator:
    """The test runs once for each gateway and operation that it offers; all operations by default."""
    cases = [
        (bench, operation)
        for bench in BENCHES
        for operation in operations or OPERATIONS
        if is_offered(operation, bench.capabilities)
    ]
    ids = [f"{_name(bench)}-{operation}" for bench, operation in cases]
    return pytest.mark.parametrize(("bench", "operation"), cases, indirect=["bench"], ids=ids)


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
