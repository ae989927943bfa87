"""Points for InfluxDB, during the run."""

from __future__ import annotations

import logging
import os
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode

from vaurien.console.output import make_printable
from vaurien.errors import AnswerError, ConfigError, find_reason
from vaurien.loads.outputs.base import Output
from vaurien.loads.outputs.deltas import Deltas
from vaurien.loads.stats import percentile
from vaurien.web.ask import ask
from vaurien.web.url import read_url

if TYPE_CHECKING:
    from vaurien.loads.report import Report
    from vaurien.loads.users.run import Run

#: The environment variable with the token. A flag would show it in the list of processes.
TOKEN = 'INFLUXDB_V2_TOKEN'
#: Seconds that a write may take.
TIMEOUT = 5.0
#: The most bytes of a response, which tells an error.
MAX_ANSWER = 1024 * 1024
#: The most points that are kept while the server does not answer, which are those of some minutes.
MAX_WAITING = 10_000

logger = logging.getLogger(__name__)


class InfluxDB(Output):
    """Writes the measurements ``loads``, ``loads_request`` and ``loads_counter``, once a second."""

    name = 'influxdb'

    def __init__(self, url: str) -> None:
        """*url* is of the form ``http://localhost:8086/?org=ORG&bucket=BUCKET``. Raises `ConfigError` if it is not."""
        super().__init__()
        try:
            parts = read_url(url)
            asked = parse_qs(parts.query)
            bucket = asked['bucket'][0]
        except (ConfigError, KeyError):
            raise ConfigError(f'expected http://HOST:PORT/?org=ORG&bucket=BUCKET, got {url!r}') from None
        query = urlencode({'org': asked.get('org', ['-'])[0], 'bucket': bucket, 'precision': 's'})
        self._url = parts._replace(path=f'{parts.path.rstrip("/")}/api/v2/write', query=query, fragment='').geturl()
        self._deltas = Deltas()
        self._waiting: list[Any] = []
        self._failed = False

    def start(self, run: Run) -> None:
        self._headers = {
            'Authorization': f'Token {os.environ.get(TOKEN, "")}',
            'Content-Type': 'text/plain; charset=utf-8',
        }

    def tick(self, run: Run) -> None:
        self._waiting += self._points(run)
        del self._waiting[:-MAX_WAITING]
        if reason := self._write():  # the run goes on
            if not self._failed:
                logger.warning('cannot write to InfluxDB: %s', reason)
        else:
            self._waiting.clear()
        self._failed = bool(reason)

    def finish(self, run: Run, report: Report) -> None:
        self.tick(run)

    def _write(self) -> str:
        """Write the points that wait; return what went wrong, or an empty text."""
        body = '\n'.join(point.to_line_protocol() for point in self._waiting).encode()
        try:
            answer = ask('POST', self._url, seconds=TIMEOUT, most=MAX_ANSWER, body=body, headers=self._headers)
        except (OSError, AnswerError) as error:
            return find_reason(error)
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return ''
        text = answer.body[:200].decode(errors='replace')
        return make_printable(' '.join(f'{answer.status} {answer.reason} {text}'.split()))

    def _points(self, run: Run) -> list[Any]:
        from influxdb_client.client.write.point import Point

        delta = self._deltas.take(run)
        now = int(run.now())

        def point(measurement: str, **fields: float) -> Any:
            made = Point(measurement).tag('test', run.plan.test).time(now, 's')
            if run.plan.project_name:
                made = made.tag('project', run.plan.project_name)
            for name, value in fields.items():
                made = made.field(name, value)
            return made

        points = [point('loads', users=run.users, **delta.counts)]
        for (method, name), times in delta.requests.items():
            count, failed = sum(times.values()), delta.failed[method, name]
            if count or failed:
                spread = {'p50': percentile(times, 0.5), 'p95': percentile(times, 0.95), 'max': percentile(times, 1)}
                made = point('loads_request', count=count, failed=failed, **spread)
                points.append(made.tag('method', method).tag('name', name))
        points += [
            point('loads_counter', count=count).tag('name', name) for name, count in delta.counters.items() if count
        ]
        return points
