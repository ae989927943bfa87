"""What the server keeps, within bounds: groups, and for each the runs that arrived, in order.

A run is encoded once, when it is complete. So a group of 100,000 is read by joining bytes, piece by piece: no request
holds up the others for long, and what a run costs is known when it arrives.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from time import time_ns

import msgspec

from vaurien.conntest.messages import Run, RunGroup
from vaurien.conntest.moments import format_moment
from vaurien.conntest.plan import Plan
from vaurien.errors import CapacityError

#: What a run costs beside its data, in bytes: 400 to 500 of JSON with its error, if any, and the object's own.
RUN_COST = 768
#: What a group costs beside its texts, likewise.
GROUP_COST = 2048
#: Runs that are sent in one piece.
PIECE = 256

#: What to do about a full store.
REMEDY = 'delete a group, or start it with a higher limit'

_encoder = msgspec.json.Encoder()


class Group:
    """One test group."""

    def __init__(self, plan: Plan) -> None:
        self.settings = RunGroup(
            run_group_id=str(uuid.uuid4()),
            run_count=plan.run_count,
            test_runs=None,
            description=plan.description,
            created_at=format_moment(time_ns()),
            concurrency=plan.concurrency,
            client_delay_ns=plan.client_delay_ns,
            server_delay_ns=plan.server_delay_ns,
            upstream_endpoint=plan.upstream_endpoint,
            upstream_timeout_ns=plan.upstream_timeout_ns,
        )
        self._runs: list[bytes] = []
        #: What it costs, what is on its way included.
        self.cost = GROUP_COST + 2 * len(plan.description) + 2 * len(plan.upstream_endpoint)

    @property
    def id(self) -> str:
        """Its ``run_group_id``."""
        return self.settings.run_group_id

    def add(self, run: Run) -> None:
        """One more run is complete."""
        self._runs.append(_encoder.encode(run))

    @property
    def count(self) -> int:
        """How many runs are complete."""
        return len(self._runs)

    def encode(self) -> Iterator[bytes]:
        """The group with its runs so far, as JSON."""
        text = _encoder.encode(self.settings)
        count = self.count
        if not count:
            yield text
            return
        head, _, tail = text.partition(b'null')  # nothing of what comes before `test_runs` is or holds a null
        yield head + b'['
        for start in range(0, count, PIECE):
            yield b',' * bool(start) + b','.join(self._runs[start : min(start + PIECE, count)])
        yield b']' + tail


class Store:
    """All groups. A full one takes no more until something is deleted."""

    def __init__(self, max_groups: int, max_bytes: int) -> None:
        self.max_groups = max_groups
        self.max_bytes = max_bytes
        self.cost = 0
        self._groups: dict[str, Group] = {}

    def create(self, plan: Plan) -> Group:
        """Make a group; raises `CapacityError`."""
        if len(self._groups) >= self.max_groups:
            raise CapacityError(f'the {self.max_groups} test groups that this server keeps are taken: {REMEDY}')
        group = Group(plan)
        self._charge(group.cost)
        self._groups[group.id] = group
        return group

    def reserve(self, group: Group, size: int) -> None:
        """Make sure that a run with *size* bytes of data has room; raises `CapacityError`."""
        cost = RUN_COST + 4 * size // 3
        self._charge(cost)
        group.cost += cost

    def find(self, id_: str) -> Group | None:
        """The group of that ID."""
        return self._groups.get(id_)

    def remove(self, group: Group) -> None:
        """Forget a group and its runs."""
        del self._groups[group.id]
        self.cost -= group.cost

    @property
    def groups(self) -> Sequence[Group]:
        """All of them, the oldest first."""
        return list(self._groups.values())

    def _charge(self, cost: int) -> None:
        if self.cost + cost > self.max_bytes:
            raise CapacityError(f'the {self.max_bytes >> 20} MiB of runs that this server keeps are full: {REMEDY}')
        self.cost += cost
