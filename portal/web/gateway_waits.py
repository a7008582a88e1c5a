"""How long one request waits for gateways: two seconds for all its calls together."""

from __future__ import annotations

from flask import g, has_app_context

from portal.gateway_calls import BoundedCalls, WaitBudget


def build_gateway_calls(server_threads: int) -> BoundedCalls:
    """Return what makes the calls to gateways of a web server with so many threads in this process."""
    return BoundedCalls(server_threads, request_budget)


def request_budget() -> WaitBudget:
    """Return the budget of the current request; a fresh one where there is none."""
    if not has_app_context():
        return WaitBudget()
    if "gateway_budget" not in g:
        g.gateway_budget = WaitBudget()
    budget: WaitBudget = g.gateway_budget
    return budget
