"""What a proxy in this process and a client of another process have in common: one type for code that takes either."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from time import monotonic, sleep
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:  # with these come all behaviors and protocols
    from vaurien.config.schedules import Plan
    from vaurien.records.entry import Entry
    from vaurien.records.faults import Fault
    from vaurien.records.status import HeldStatus, LinkStatus, ProxyStatus, ScheduleStatus, ToxicStatus
    from vaurien.rules.behaviors import Spec


Found = TypeVar('Found')

#: How often `wait_for_fault` and `wait_for_held` look, in seconds.
PAUSE = 0.005


class ProxyControl(Protocol):
    """What can be asked of a proxy: `vaurien.Proxy` and `vaurien.Client` both have it.

    What is given wrongly raises `ConfigError` in the process of the proxy. A client raises it, too, for what it checks
    itself, such as the attributes of a toxic, and `ControlError` for all that the process of the proxy rejects.
    """

    @property
    def url(self) -> str:
        """The URL to reach it at: the proxy, or the control API."""

    @property
    def host(self) -> str:
        """The host in that URL, without brackets."""

    @property
    def port(self) -> int:
        """The port in that URL."""

    # Faults

    def get_behavior(self) -> str:
        """Return what is armed, in the text that arms it: ``dummy``, ``delay``, ``20:error,10:delay``."""

    def set_behavior(self, behavior: Spec, **options: object) -> None:
        """Arm one behavior, or several by weight.

        ``set_behavior('delay', match='GET *', sleep=2)``; ``set_behavior('20:error,10:delay(match="GET *")')``;
        ``set_behavior([{'name': 'error', 'percent': 20}, {'name': 'delay', 'percent': 10, 'match': 'GET *'}])``. An
        option that is not given has the value that was configured for the proxy, or else its default.
        """

    def with_behavior(self, behavior: Spec, **options: object) -> AbstractContextManager[ProxyControl]:
        """Arm as `set_behavior` does for the length of a block; then arm again what was armed before."""

    def toxics(self) -> list[ToxicStatus]:
        """Return its toxics, those of the upstream first: type, name, stream, toxicity and attributes of each."""

    def add_toxic(
        self,
        type_: str,
        *,
        stream: str = 'downstream',
        toxicity: float = 1.0,
        name: str = '',
        client: str | None = None,
        **attributes: object,
    ) -> ToxicStatus:
        """Add a toxic to a stream, behind the others: ``add_toxic('latency', latency=200)``. Return it as it is now.

        *stream* is ``upstream``, ``downstream`` or ``both``. *toxicity* is the probability that a link gets it, if it
        is one of that *client*: an address or a network. Without a *name* it is called ``latency_downstream``.
        """

    def update_toxic(self, name: str, *, toxicity: float | None = None, **attributes: object) -> ToxicStatus:
        """Change the toxicity or the attributes of a toxic, on open links, too. Return it as it is now."""

    def remove_toxic(self, name: str) -> None:
        """Remove the toxic of that name. The bytes that wait in it go on."""

    def toxic(
        self,
        type_: str,
        *,
        stream: str = 'downstream',
        toxicity: float = 1.0,
        name: str = '',
        client: str | None = None,
        **attributes: object,
    ) -> AbstractContextManager[ProxyControl]:
        """Add a toxic as `add_toxic` does for the length of a block; then remove it if it is still there."""

    def reset(self) -> None:
        """Remove the toxics, arm what was configured at the start, and enable the proxy; a client's, every proxy."""

    # What has happened

    def status(self) -> ProxyStatus:
        """Return everything about the proxy: settings, what is armed, links, exchanges, bytes, faults."""

    def faults(self) -> list[Fault]:
        """Return the last faults, the oldest first."""

    def clear_faults(self) -> None:
        """Make the proxy forget the faults until now."""

    def describe_rules(self) -> list[str]:
        """Return a line for each rule that is armed: how many exchanges matched it, how many it was applied to."""

    def take_fault(self) -> Fault | None:
        """Return the oldest fault since rules were last armed that nobody has taken before, or None."""

    def wait_for_fault(self, timeout: float = 5.0) -> Fault:
        """Return the next fault since rules were last armed: each call returns another one, in order.

        Raise `TimeoutError` if there is none within *timeout* seconds. It describes the rules.
        """
        return _wait_for(self, self.take_fault, 'no fault', timeout)

    def held(self) -> list[HeldStatus]:
        """Return the requests that the behavior ``hold`` holds, the oldest first."""

    def decide(self, number: int, decision: str, **options: object) -> None:
        """Decide what becomes of the held request with that id.

        ``'pass'`` lets it go, ``'cut'`` closes the connection, ``'error'`` answers it with an error of the protocol:
        ``decide(3, 'error', code=503)``, or ``decide(3, 'error(code=503)')``.
        """

    def wait_for_held(self, timeout: float = 5.0) -> HeldStatus:
        """Return the oldest request that is held. Raise `TimeoutError` if there is none within *timeout* seconds."""
        return _wait_for(self, lambda: next(iter(self.held()), None), 'no request held', timeout)

    def journal(self, limit: int | None = None) -> list[Entry]:
        """Return the last exchanges, up to *limit*. The proxy has to keep a journal."""

    def links(self) -> list[LinkStatus]:
        """Return the open links."""

    def cut_link(self, number: int) -> None:
        """Close both connections of the link with that id."""

    # Where it serves, and whether

    def get_backend(self) -> str:
        """Return the address of the backend, ``host:port``."""

    def set_backend(self, backend: str) -> None:
        """Change the backend to another ``host:port``, or URL for the same protocol, from the next exchange on."""

    def disable(self) -> None:
        """Refuse clients, and close all links. Toxics and what is armed stay."""

    def enable(self) -> None:
        """Serve clients again, on the same port."""

    def down(self) -> AbstractContextManager[ProxyControl]:
        """Disable the proxy for the length of a block."""

    # Faults that come and go

    def set_schedule(self, schedule: Plan) -> None:
        """Run a schedule from now on: that in a file, by its path, or a mapping as it would be there, or its steps."""

    def get_schedule(self) -> ScheduleStatus:
        """Return how far the schedule has come: status, seconds, active steps, next change, marks, counts."""

    def stop_schedule(self) -> None:
        """Stop the schedule, and return when it has put back what it has changed. Without a schedule do nothing."""

    def schedule(self, schedule: Plan) -> AbstractContextManager[ProxyControl]:
        """Run a schedule as `set_schedule` does, for the length of a block at most; then stop it."""

    def mark(self, name: str) -> None:
        """Set a mark: the steps of the schedule that are after it begin."""


def _wait_for(control: ProxyControl, look: Callable[[], Found | None], missing: str, timeout: float) -> Found:
    """Return what *look* finds; raise `TimeoutError`, which says what was *missing*."""
    deadline = monotonic() + timeout
    while True:
        found = look()
        if found is not None:
            return found
        if monotonic() >= deadline:
            raise make_timeout_error(missing, timeout, control.describe_rules())
        sleep(PAUSE)


def make_timeout_error(missing: str, seconds: float, rules: Sequence[str]) -> TimeoutError:
    """Return the error for what is *missing* after so many *seconds*, with what is said of the *rules*."""
    return TimeoutError('; '.join([f'{missing} within {seconds:g} s', *rules]))
