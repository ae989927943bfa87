"""``vaurien --demo``: what Vaurien does, shown in ten seconds on a small backend."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import gevent
from gevent.pool import Group
from gevent.pywsgi import WSGIServer

from vaurien.address import Address
from vaurien.console.drawing import can_draw
from vaurien.console.output import print_line
from vaurien.console.percentiles import percentiles
from vaurien.console.signals import on_signals_in_loop
from vaurien.console.table import format_table
from vaurien.engine.proxy import ProxyServer
from vaurien.records.status import ProxyStatus
from vaurien.rules.behaviors import make_rules
from vaurien.settings import Settings

if TYPE_CHECKING:
    from urllib3 import PoolManager

BEHAVIOR = '20:delay,10:error'
#: Seconds of a delay.
SLEEP = 0.25
#: With this seed, the same requests meet faults every time.
SEED = 2013
CLIENTS = 4
#: Requests of each client.
REQUESTS = 50
#: Seconds between two requests of a client.
PAUSE = 0.1
#: Seconds between two pictures on a terminal, and between two lines elsewhere.
REFRESH = 0.1
PROGRESS = 2.0
#: Columns of the two tables.
COUNTS = ('requests', 'share', 'p50', 'p95', 'max')
FAULTS = ('armed', 'injected', 'share')
#: Seconds that a request may take.
TIMEOUT = 5.0
#: Seconds until the end, also on a slow machine, where fewer requests are made.
LONGEST = 14.0

NEXT = """
Try next:
  {vaurien} --backend example.com:80 --protocol http --behavior 20:delay,10:error --http
  curl -i http://localhost:8000/
  {vaurienctl} set-behavior delay --sleep 2
  {vaurienctl} status
  {vaurien} --proxy localhost:8001 --backend localhost:6379 --protocol redis --behavior 5:error,10:delay
"""


class Seen:
    """What the clients have seen: the seconds of each request, by status."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}

    @property
    def requests(self) -> int:
        """The number of requests that have ended."""
        return sum(map(len, self.seconds.values()))

    def note(self, status: str, seconds: float) -> None:
        """Add a request that has ended."""
        self.seconds.setdefault(status, []).append(seconds)


def main() -> int:
    """Run the demonstration and return 0. It ends after about nine seconds, or with Ctrl-C.

    The standard library has to be patched.
    """
    seen = Seen()
    with _serving() as proxy, ExitStack() as stack:
        print_line(f'clients -> {proxy.address} (vaurien, {BEHAVIOR}) -> {proxy.backend} (an HTTP server)\n')
        clients = Group()
        stack.callback(clients.kill)
        stack.enter_context(on_signals_in_loop(clients.kill))
        for number in range(CLIENTS):
            clients.spawn(_send_requests, f'http://{proxy.address}', number, seen)
        watch = _watch_live if can_draw(sys.stdout) else _watch_lines
        with gevent.Timeout(LONGEST, False):
            watch(clients, seen, proxy)
        print_line(describe(seen, proxy.status()))
    print_line(NEXT.format(vaurien=_find('vaurien'), vaurienctl=_find('vaurienctl')), end='')
    return 0


def describe(seen: Seen, status: ProxyStatus) -> str:
    """Return what the clients saw and what the proxy did, as two tables."""
    together = [second for seconds in seen.seconds.values() for second in seconds]
    answers = [*sorted(seen.seconds.items()), ('all', together)]
    faults = [(entry, status['faults'].get(entry['name'], 0)) for entry in status['behaviors']]
    clients = format_table(
        ('status', *COUNTS),
        [(name, *_count(len(seconds), seen.requests), *_describe_times(seconds)) for name, seconds in answers],
        COUNTS,
    )
    vaurien = format_table(
        ('behavior', *FAULTS),
        [(entry['name'], f'{entry["percent"]:g} %', *_count(count, status['exchanges'])) for entry, count in faults],
        FAULTS,
    )
    return f'What the clients see\n{clients}\n\nWhat Vaurien does\n{vaurien}'


@contextmanager
def _serving() -> Iterator[ProxyServer]:
    """Serve HTTP behind a proxy, both on free ports, within the block."""
    backend = WSGIServer(('127.0.0.1', 0), _respond, log=None)
    backend.start()
    options = {'delay': {'sleep': SLEEP}}
    proxy = ProxyServer(
        Settings(
            proxy=Address('127.0.0.1', 0),
            backend=Address('127.0.0.1', backend.server_port),
            protocol='http',
            behaviors=make_rules(BEHAVIOR, options),
            seed=SEED,
        )
    )
    try:
        proxy.start()
        yield proxy
    finally:
        proxy.shut_down()
        backend.stop(timeout=0)


def _respond(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [b'{"path": "%s"}\n' % environ['PATH_INFO'].encode()]


def _send_requests(url: str, number: int, seen: Seen) -> None:
    from urllib3 import PoolManager  # late: the first line is printed before this import, which takes long

    with PoolManager(timeout=TIMEOUT, retries=False) as pool:
        for order in range(REQUESTS):
            began = perf_counter()
            status = _get(pool, f'{url}/clients/{number}/orders/{order}')
            seen.note(status, perf_counter() - began)
            gevent.sleep(PAUSE)


def _get(pool: PoolManager, url: str) -> str:
    """Return the status of the reply, or the name of the error."""
    from urllib3.exceptions import HTTPError

    try:
        response = pool.request('GET', url)
    except HTTPError as error:
        return type(error).__name__
    return f'{response.status} {response.reason}'


def _watch_live(clients: Group, seen: Seen, proxy: ProxyServer) -> None:
    from rich.live import Live  # late: it is an extra
    from rich.text import Text

    with Live(auto_refresh=False, transient=True) as live:
        while not clients.join(REFRESH):
            live.update(Text(describe(seen, proxy.status())), refresh=True)


def _watch_lines(clients: Group, seen: Seen, proxy: ProxyServer) -> None:
    while not clients.join(PROGRESS):
        faults = sum(proxy.status()['faults'].values())
        print_line(f'{seen.requests} of {CLIENTS * REQUESTS} requests, {faults} faults')


def _count(count: int, total: int) -> tuple[str, str]:
    return str(count), f'{100 * count / total:.1f} %' if total else ''


def _describe_times(seconds: list[float]) -> tuple[str, ...]:
    """Return median, 95th percentile and maximum."""
    if not seconds:
        return ('', '', '')
    return tuple(f'{1000 * second:.0f} ms' for second in percentiles(sorted(seconds), 50, 95, 100))


def _find(command: str) -> str:
    """Return *command* as it can be typed here: with its path, if it is not on ``PATH``."""
    if shutil.which(command):
        return command
    path = os.path.relpath(Path(sys.executable).with_name(command))
    return str(Path(sys.executable).with_name(command)) if path.startswith('..') else path
