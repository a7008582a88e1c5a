"""Who acts in tests that do not care who it is."""

from __future__ import annotations

from portal.events.rules import COMMAND, Actor, ActorType, customer_actor, gateway_actor

CUSTOMER = customer_actor("cus_0000000000000000000000")
STAFF = Actor(ActorType.STAFF, "staff")
GATEWAY = gateway_actor("sandbox")
OPERATOR = COMMAND
