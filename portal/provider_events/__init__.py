"""The inbox of gateways' events (webhooks): verified, stored once, acknowledged, handled later."""
