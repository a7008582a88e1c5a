"""The sandbox gateway, by its own HTTP API: it is spoken to as any provider is, and knows nothing of the portal."""

from portal.gateways.sandbox.client import SandboxGateway

__all__ = ["SandboxGateway"]
