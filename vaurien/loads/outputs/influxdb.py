"""Points for InfluxDB, during the run."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from vaurien.errors import ConfigError
from vaurien.loads.outputs.base import Output
from vaurien.loads.outputs.deltas import Deltas
from vaurien.loads.stats import percentile

if TYPE_CHECKING:
    from vaurien.loads.report import Report
    from vaurien.loads.users.run import Run

#: The environment variable with the token. A flag would show it in the list of processes.
TOKEN = 'INFLUXDB_V2_TOKEN'
#: Seconds that a write may take.
TIMEOUT = 5.0
#: The most points that are kept while the server does not answer, which are those of some minutes.
MAX_WAITING = 10_000

logger = logging.getLogger(__name__)


class InfluxDB(Output):
    """Writes the measurements ``loads``, ``loads_request`` and ``loads_counter``, once a second."""

    name = 'influxdb'

    def __init__(self, url: str) -> None:
        """*url* is of the form ``http://localhost:8086/?org=ORG&bucket=BUCKET``. Raises `ConfigError` if it is not."""
        super().__init__()
        parts = urlsplit(url)
        asked = parse_qs(parts.query)
        if parts.scheme not in ('http', 'https') or not parts.hostname or 'bucket' not in asked:
            raise ConfigError(f'expected http://HOST:PORT/?org=ORG&bucket=BUCKET, got {url!r}')
        self._url = parts._replace(query='', fragment='').geturl().rstrip('/')
        self._bucket = asked['bucket'][0]
        self._org = asked.get('org', ['-'])[0]
        self._deltas = Deltas()
        self._waiting: list[Any] = []
        self._failed = False

    def start(self, run: Run) -> None:
        from influxdb_client.client.influxdb_client import InfluxDBClient
        from influxdb_client.client.write_api import SYNCHRONOUS

        token = os.environ.get(TOKEN, '')
        self._client = InfluxDBClient(self._url, token, org=self._org, timeout=int(1000 * TIMEOUT), retries=False)
        self._api = self._client.write_api(write_options=SYNCHRONOUS)

    def tick(self, run: Run) -> None:
        self._waiting += self._points(run)
        del self._waiting[:-MAX_WAITING]
        try:
            self._api.write(self._bucket, record=self._waiting)
        except Exception as error:  # of the client, urllib3 or the server: the run goes on
            if not self._failed:
                logger.warning('cannot write to InfluxDB: %s', str(error).strip().replace('\n', ' ')[:300])
            self._failed = True
        else:
            self._waiting.clear()
            self._failed = False

    def finish(self, run: Run, report: Report) -> None:
        self.tick(run)
        self._client.close()

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
