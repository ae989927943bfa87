"""The time of the rules that are armed for a while."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vaurien.clock import Alarm
from vaurien.engine.runtime import Runtime
from vaurien.rules.rule import Rule


class Expiry:
    """Calls a function in a greenlet when the time of a rule is over."""

    def __init__(self, runtime: Runtime, on_over: Callable[[], object]) -> None:
        self._runtime = runtime
        self._on_over = on_over
        self._alarm: Alarm | None = None

    def watch(self, rules: Sequence[Rule]) -> None:
        """Wait for the first of these *rules* to be over, and for none of earlier ones.

        Where time is not kept, as in a proxy that does not listen, nothing happens: it is called again at the start.
        """
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        ends = [rule.ends_at for rule in rules if rule.ends_at is not None]
        if ends and self._runtime.keeps_time:
            self._alarm = self._runtime.clock.call_at(min(ends), lambda: self._runtime.spawn(self._on_over))
