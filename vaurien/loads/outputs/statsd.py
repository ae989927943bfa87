"""Counters and timers for StatsD, during the run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vaurien.address import Address
from vaurien.errors import StartError, find_reason
from vaurien.loads.outputs.base import Output
from vaurien.loads.outputs.deltas import Deltas

if TYPE_CHECKING:
    from vaurien.loads.report import Report
    from vaurien.loads.users.run import Run

_UNSAFE = re.compile(r'[^A-Za-z0-9_-]+')


class StatsD(Output):
    """Sends ``loads.PROJECT.hits``, ``.request.GET_path`` and so on over UDP, once a second."""

    name = 'statsd'

    def __init__(self, address: Address) -> None:
        super().__init__()
        self._address = address
        self._deltas = Deltas()

    def start(self, run: Run) -> None:
        import statsd

        prefix = '.'.join(filter(None, ('loads', clean(run.plan.project_name))))
        try:
            self._client = statsd.StatsClient(self._address.host, self._address.port, prefix=prefix)
        except OSError as error:
            raise StartError(f'cannot send to StatsD at {self._address}: {find_reason(error)}') from None

    def tick(self, run: Run) -> None:
        delta = self._deltas.take(run)
        with self._client.pipeline() as packets:
            for name, count in delta.counts.items():
                if count:
                    packets.incr(name, count)
            for name, count in delta.counters.items():
                if count:
                    packets.incr(f'counter.{clean(name)}', count)
            for (method, name), times in delta.requests.items():
                for milliseconds, count in times.items():
                    for _ in range(count):
                        packets.timing(f'request.{clean(f"{method} {name}")}', milliseconds)
            for (method, name), count in delta.failed.items():
                if count:
                    packets.incr(f'failed.{clean(f"{method} {name}")}', count)
            packets.gauge('users', run.users)

    def finish(self, run: Run, report: Report) -> None:
        self.tick(run)
        self._client.close()


def clean(name: str) -> str:
    """Return *name* as one part of a dotted name."""
    return _UNSAFE.sub('_', name).strip('_')
