"""What a run is to do, as data: the runner makes it of its settings, an agent gets it in a message."""

from __future__ import annotations

from typing import Any

import msgspec


class Cycle(msgspec.Struct, frozen=True):
    """So many users, each of which runs the test so often, or for so long."""

    users: int
    #: Runs of the test by each user; None: as many as there is time for.
    hits: int | None = None
    #: Seconds; None: as long as it takes.
    seconds: float | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a process with users has to know."""

    #: The name of the test, or whatever stands for it in the command of a test runner.
    test: str
    cycles: tuple[Cycle, ...]
    #: How many processes run these cycles, each all of them; 0: the runner itself does.
    agents: int = 0
    server_url: str = ''
    #: A command with ``{test}`` in it, which is run for each hit.
    test_runner: str = ''
    #: What ``--vaurien`` says: flags of ``vaurien``, without their dashes.
    vaurien: tuple[str, ...] = ()
    #: Requirements for pip.
    python_dep: tuple[str, ...] = ()
    no_patching: bool = False
    project_name: str = ''
    user_id: str = ''

    @property
    def hits(self) -> int | None:
        """How many hits there will be in all; None where time decides."""
        if any(cycle.hits is None for cycle in self.cycles):
            return None
        return max(1, self.agents) * sum(cycle.users * (cycle.hits or 0) for cycle in self.cycles)

    @property
    def seconds(self) -> float | None:
        """How long it will take; None where the hits decide."""
        if any(cycle.seconds is None for cycle in self.cycles):
            return None
        return sum(cycle.seconds or 0 for cycle in self.cycles)

    def to_data(self) -> Any:
        """As plain values, for a message."""
        return msgspec.to_builtins(self)

    @classmethod
    def from_data(cls, data: Any) -> Plan:
        """What `to_data` gave; raises `msgspec.ValidationError`."""
        return msgspec.convert(data, cls)
