"""The services of a process, created once by a composition root and passed down as one argument."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from secrets import SystemRandom
from typing import TYPE_CHECKING

from portal.clock import Clock, SystemClock
from portal.crash_points import CrashPoint, do_nothing
from portal.database import Database
from portal.gateway_calls import DirectCalls, GatewayCalls
from portal.settings import Settings

if TYPE_CHECKING:
    from portal.gateways.registry import Gateways
    from portal.payment_methods.operations.uses import MethodUsers


@dataclass(frozen=True, slots=True)
class Services:
    """Settings, database, time, gateways and who uses saved methods, of one process. Tests pass a movable clock and crash points.

    `chance` returns a random number from 0 to 1, for jitter and not for secrets; the simulator passes a seeded one. `calls` makes
    the calls to gateways of a request: at once, unless a web server's threads are to be spared.
    """

    settings: Settings
    database: Database
    gateways: Gateways
    method_users: MethodUsers
    clock: Clock = field(default_factory=SystemClock)
    crash_point: CrashPoint = do_nothing
    chance: Callable[[], float] = SystemRandom().random
    calls: GatewayCalls = field(default_factory=DirectCalls)
