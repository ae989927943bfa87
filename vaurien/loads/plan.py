"""What a run is to do, as data: the runner makes it from its settings, and an agent gets it in a message."""

from __future__ import annotations

from typing import Any

import msgspec


class Cycle(msgspec.Struct, frozen=True):
    """A number of users, each of which runs the test a number of times or for some seconds."""

    users: int
    #: Runs of the test by each user; None for as many as there is time for.
    hits: int | None = None
    #: Seconds; None for as long as the hits take.
    seconds: float | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a process with users must know."""

    #: The name of the test, or what replaces ``{test}`` in the command of ``--test-runner``.
    test: str
    cycles: tuple[Cycle, ...]
    #: The number of agents, each of which runs all cycles; 0 if the runner itself runs them.
    agents: int = 0
    server_url: str = ''
    #: A command to run for each hit instead of a method.
    test_runner: str = ''
    #: The words of ``--vaurien``: flags of ``vaurien`` without their dashes.
    vaurien: tuple[str, ...] = ()
    #: Whether faults are tried on some of the hits, and the only one that is.
    explore: bool = False
    explore_fault: str = ''
    #: Requirements that agents install with pip.
    python_dep: tuple[str, ...] = ()
    no_patching: bool = False
    project_name: str = ''
    user_id: str = ''

    @property
    def hits(self) -> int | None:
        """The number of hits of all users, or None if time decides."""
        if any(cycle.hits is None for cycle in self.cycles):
            return None
        return max(1, self.agents) * sum(cycle.users * (cycle.hits or 0) for cycle in self.cycles)

    @property
    def seconds(self) -> float | None:
        """The duration in seconds, or None if hits decide."""
        if any(cycle.seconds is None for cycle in self.cycles):
            return None
        return sum(cycle.seconds or 0 for cycle in self.cycles)

    def to_data(self) -> Any:
        """Return it as plain values, for a message."""
        return msgspec.to_builtins(self)

    @classmethod
    def from_data(cls, data: Any) -> Plan:
        """Return what `to_data` was called on. Raises `msgspec.ValidationError`."""
        return msgspec.convert(data, cls)
