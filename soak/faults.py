"""Faults that come and go on one proxy, and what is known of them while an exchange runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from random import Random
from threading import Event
from typing import Any

from vaurien.client import Client

#: Seconds that a fault is armed, and that none is, on average.
ARMED, CALM = 0.6, 0.8

Arm = Callable[[Client], AbstractContextManager[object]]


def behavior(spec: str) -> Arm:
    """Return what arms a behavior, or several."""
    return lambda proxy: proxy.with_behavior(spec)


def toxic(type_: str, stream: str, **attributes: Any) -> Arm:
    """Return what adds a toxic to every second link."""
    return lambda proxy: proxy.toxic(type_, stream=stream, toxicity=0.5, **attributes)


def cut_links(proxy: Client) -> AbstractContextManager[object]:
    """Cut all links by disabling the proxy for a moment."""
    proxy.disable()
    proxy.enable()
    return nullcontext()


#: Faults that may cost an exchange, but never change what it returns.
FAULTS: tuple[Arm, ...] = (
    behavior('50:delay(sleep=0.02)'),
    behavior('50:delay(sleep=0.02,before=false)'),
    behavior('30:blackout'),
    behavior('30:abort'),
    behavior("30:abort(after='20 bytes')"),
    behavior('20:dribble(rate=5)'),
    behavior('20:hang'),
    behavior('20:delay(sleep=0.01),20:abort,20:blackout'),
    behavior('hang(max_active=2, for=300ms),20:abort(client=10.0.0.0/8)'),
    behavior("abort(sequence='pass,pass,fail', cooldown=20ms, client=127.0.0.0/8)"),
    toxic('latency', 'downstream', latency=5, jitter=5),
    toxic('latency', 'upstream', latency=5),
    toxic('latency', 'both', latency=5, client='127.0.0.1'),
    toxic('bandwidth', 'downstream', rate=2000),
    toxic('bandwidth', 'upstream', rate=2000),
    toxic('slicer', 'downstream', average_size=100, size_variation=50, delay=10),
    toxic('limit_data', 'downstream', bytes=20_000),
    toxic('limit_data', 'upstream', bytes=20_000),
    toxic('reset_peer', 'downstream', timeout=100),
    toxic('slow_close', 'downstream', delay=100),
    toxic('timeout', 'upstream', timeout=100),
    cut_links,
)
#: Faults that a framed protocol alone can make: for `tcp`, an error is a text that a client takes for a reply.
FRAMED_FAULTS: tuple[Arm, ...] = (behavior('30:error'), behavior('40:transient(agitate=2)'))
#: Faults that change bytes. While one is armed, and on connections that have lived through one, nothing is compared.
SPOILERS: tuple[Arm, ...] = (
    toxic('corrupt', 'downstream', probability=0.2),
    toxic('duplicate', 'downstream', probability=0.2),
    toxic('packet_loss', 'downstream', loss_rate=0.2),
)


@dataclass
class Record:
    """What was armed, period by period: index *n* says what the period *n* was, and the last one is still going on."""

    #: 'calm', 'fault' or 'spoiler', for each period.
    periods: list[str] = field(default_factory=lambda: ['calm'])

    @property
    def now(self) -> int:
        """Return the index of the period that goes on."""
        return len(self.periods) - 1

    def since(self, period: int) -> set[str]:
        """Return the kinds of the period with this index and of all later ones."""
        return set(self.periods[period:])


def toggle(proxy: Client, record: Record, faults: list[Arm], chance: Random, stopped: Event) -> int:
    """Arm one of *faults* and remove it again, until *stopped* is set. Return how many it were.

    A period of faults begins before the fault is armed, and ends after it was removed.
    """
    count = 0
    while not stopped.wait(chance.expovariate(1 / CALM)):
        fault = chance.choice(faults)
        record.periods.append('spoiler' if fault in SPOILERS else 'fault')
        with fault(proxy):
            stopped.wait(chance.expovariate(1 / ARMED))
        record.periods.append('calm')
        count += 1
    return count
