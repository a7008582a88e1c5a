"""The sandbox gateway through its HTTP API, like any other provider: it knows nothing of the portal."""

from portal.gateways.sandbox.client import SandboxGateway

__all__ = ["SandboxGateway"]
