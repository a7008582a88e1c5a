"""A self-service customer portal for payments: mount it in a Flask application, or run it by itself."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Customer", "Portal", "UnknownCustomer", "__version__", "create_app"]

if TYPE_CHECKING:
    from portal.app import create_app
    from portal.extension import Portal
    from portal.host_identity import Customer, UnknownCustomer


_PLACES = {
    "Customer": "portal.host_identity",
    "Portal": "portal.extension",
    "UnknownCustomer": "portal.host_identity",
    "create_app": "portal.app",
}


def __getattr__(name: str) -> Any:
    """Import what a host application needs on first use, so that commands without a web server start quickly."""
    if name not in _PLACES:
        raise AttributeError(name)
    return getattr(import_module(_PLACES[name]), name)
