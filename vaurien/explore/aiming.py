"""Which request of the application a fault is for, counted as the requests come."""

from __future__ import annotations

from collections.abc import Sequence

from vaurien.explore.model import Injection
from vaurien.rules.match import Pattern


class Aim:
    """The faults of one run. Each counts the requests at its proxy that its pattern matches, and meets the nth."""

    def __init__(self, injections: Sequence[Injection]) -> None:
        self._patterns = [(injection, Pattern.parse(injection.request)) for injection in injections]
        self._counts = dict.fromkeys(injections, 0)
        self._met: set[Injection] = set()

    def meet(self, proxy: str, text: str) -> Injection | None:
        """Return the fault for the next request of the application at *proxy*, which has that *text*; None: pass."""
        met = None
        for injection, pattern in self._patterns:
            if injection.proxy == proxy and pattern.matches(text):
                self._counts[injection] += 1
                number = self._counts[injection]
                if number == injection.nth or (injection.for_ever and number > injection.nth):
                    met = met or injection
        if met is not None:
            self._met.add(met)
        return met

    @property
    def has_hit(self) -> bool:
        """Whether each of the faults has met a request."""
        return len(self._met) == len(self._counts)
