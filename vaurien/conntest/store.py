"""The groups that the server keeps, each with the runs that arrived, in order. Their memory has a limit.

A run is encoded once, when it is complete. A group of 100,000 runs is then read by joining bytes, piece by piece: no
request holds up the others for long. What a run costs is known when it arrives.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from time import time_ns

import msgspec

from vaurien.conntest.messages import Run, RunGroup
from vaurien.conntest.plan import Plan
from vaurien.conntest.timestamps import format_timestamp
from vaurien.errors import CapacityError

#: Bytes that a run costs beside its data: 400 to 500 of JSON, with its error if it has one, and those of the object.
RUN_COST = 768
#: Bytes that a group costs beside its texts.
GROUP_COST = 2048
#: Runs that are sent in one piece.
PIECE = 256

#: What to do if the store is full.
REMEDY = 'delete a group, or start the server with a higher limit'

_encoder = msgspec.json.Encoder()


class Group:
    """A test group: its settings, and its runs, encoded."""

    def __init__(self, plan: Plan) -> None:
        self.settings = RunGroup(
            run_group_id=str(uuid.uuid4()),
            run_count=plan.run_count,
            test_runs=None,
            description=plan.description,
            created_at=format_timestamp(time_ns()),
            concurrency=plan.concurrency,
            client_delay_ns=plan.client_delay_ns,
            server_delay_ns=plan.server_delay_ns,
            upstream_endpoint=plan.upstream_endpoint,
            upstream_timeout_ns=plan.upstream_timeout_ns,
        )
        self._runs: list[bytes] = []
        #: Bytes that it costs, those of runs that are not complete yet included.
        self.cost = GROUP_COST + 2 * len(plan.description) + 2 * len(plan.upstream_endpoint)

    @property
    def id(self) -> str:
        """The ``run_group_id``."""
        return self.settings.run_group_id

    def add(self, run: Run) -> None:
        """Add a run that is complete."""
        self._runs.append(_encoder.encode(run))

    @property
    def count(self) -> int:
        """The number of complete runs."""
        return len(self._runs)

    def encode(self) -> Iterator[bytes]:
        """Yield the group with its runs so far, as JSON, piece by piece."""
        text = _encoder.encode(self.settings)
        count = self.count  # runs that arrive in between are left out
        if not count:
            yield text
            return
        head, _, tail = text.partition(b'null')  # test_runs is the first null: an ID and a number precede it
        yield head + b'['
        for start in range(0, count, PIECE):
            yield b',' * bool(start) + b','.join(self._runs[start : min(start + PIECE, count)])
        yield b']' + tail


class Store:
    """All groups. If it is full, it takes no more until a group is deleted."""

    def __init__(self, max_groups: int, max_bytes: int) -> None:
        self.max_groups = max_groups
        self.max_bytes = max_bytes
        self.cost = 0
        self._groups: dict[str, Group] = {}

    def create(self, plan: Plan) -> Group:
        """Create a group; raise `CapacityError` if there is no room."""
        if len(self._groups) >= self.max_groups:
            raise CapacityError(f'this server keeps no more than {self.max_groups} test groups: {REMEDY}')
        group = Group(plan)
        self._charge(group.cost)
        self._groups[group.id] = group
        return group

    def reserve(self, group: Group, size: int) -> None:
        """Reserve room for a run with *size* bytes of data; raise `CapacityError` if there is none."""
        cost = _estimate(size)
        self._charge(cost)
        group.cost += cost

    def release(self, group: Group, size: int) -> None:
        """Give back the room for a run with *size* bytes of data, which does not come after all."""
        group.cost -= _estimate(size)
        if group.id in self._groups:  # else all of its room was given back
            self.cost -= _estimate(size)

    def find(self, id_: str) -> Group | None:
        """Return the group with that ID, None if there is none."""
        return self._groups.get(id_)

    def remove(self, group: Group) -> None:
        """Delete a group and its runs."""
        del self._groups[group.id]
        self.cost -= group.cost

    @property
    def groups(self) -> Sequence[Group]:
        """All groups, the oldest first."""
        return list(self._groups.values())

    def _charge(self, cost: int) -> None:
        if self.cost + cost > self.max_bytes:
            raise CapacityError(f'this server keeps no more than {self.max_bytes >> 20} MiB of runs: {REMEDY}')
        self.cost += cost


def _estimate(size: int) -> int:
    """Return the bytes that a run with *size* bytes of data costs."""
    return RUN_COST + 4 * size // 3  # base64
