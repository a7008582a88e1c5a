"""A self-service customer portal for payments: mount it in a Flask application, or run it by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Portal", "__version__", "create_app"]

if TYPE_CHECKING:
    from portal.app import create_app
    from portal.extension import Portal


def __getattr__(name: str) -> Any:
    """Import the two entry points on first use, so that commands without a web server start quickly."""
    if name == "Portal":
        from portal.extension import Portal

        return Portal
    if name == "create_app":
        from portal.app import create_app

        return create_app
    raise AttributeError(name)
