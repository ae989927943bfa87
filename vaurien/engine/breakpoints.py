"""The requests of a proxy that are held until somebody decides what becomes of each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, time
from typing import Protocol

from vaurien.plugins.decision import PASS, Decision
from vaurien.records.observer import ObservedLink
from vaurien.records.proxy_log import ProxyLog
from vaurien.records.status import HeldStatus

#: The most requests that a proxy holds at once: each has a greenlet, and up to `MAX_HELD` bytes of its client's.
MOST = 100


class HoldingLink(ObservedLink, Protocol):
    """The part of a link that a request is held on."""

    def changed(self) -> None:
        """Wake the greenlets that wait."""


class HeldRequest:
    """A request that waits for a decision."""

    def __init__(self, number: int, link: HoldingLink, request: str, seconds: float) -> None:
        """*seconds* is how long it waits at most."""
        self._number = number
        self._link = link
        self._request = request
        self._time = time()
        self._began = monotonic()
        self._seconds = seconds
        #: What was decided; None: nothing yet.
        self.decision: Decision | None = None

    def decide(self, decision: Decision) -> None:
        """Wake who waits, unless something else was decided before."""
        if self.decision is None:
            self.decision = decision
            self._link.changed()

    def status(self) -> HeldStatus:
        """Return what is known of it."""
        client, held = self._link.client_address, monotonic() - self._began
        return {
            'id': self._number,
            'time': self._time,
            'link': self._link.number,
            'client': None if client is None else str(client),
            'request': self._request,
            'seconds': round(held, 3),
            'left': round(max(0.0, self._seconds - held), 3),
        }


class Breakpoints:
    """Holds requests, each under a number of its own."""

    def __init__(self, log: ProxyLog) -> None:
        self._log = log
        self._held: dict[int, HeldRequest] = {}
        self._total = 0
        #: Whether the log has a warning that requests pass because as many are held as may be.
        self._is_full_told = False

    @contextmanager
    def holding(self, link: HoldingLink, request: str, seconds: float) -> Iterator[HeldRequest]:
        """Hold a request while the block runs, so that `decide` finds it.

        If `MOST` requests are held already, decide at once that it passes.
        """
        self._total += 1
        number, held = self._total, HeldRequest(self._total, link, request, seconds)
        if len(self._held) >= MOST:
            self._warn()
            held.decide(PASS)
            yield held
            return
        self._held[number] = held
        try:
            yield held
        finally:
            del self._held[number]
            self._is_full_told = False

    def _warn(self) -> None:
        if not self._is_full_told:
            self._log.warning('%d requests are held: others pass until one of them is let go', MOST)
        self._is_full_told = True

    def list(self) -> list[HeldStatus]:
        """Return what is held and not decided, the oldest first."""
        return [held.status() for held in self._held.values() if held.decision is None]

    def decide(self, number: int, decision: Decision) -> bool:
        """Decide what becomes of the request of that *number*; return whether one is held that was not decided."""
        held = self._held.get(number)
        if held is None or held.decision is not None:
            return False
        held.decide(decision)
        return True

    def release(self) -> None:
        """Let all pass."""
        for held in self._held.values():
            held.decide(PASS)
