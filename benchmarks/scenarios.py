"""The scenarios: each load with its backend and its contenders. The targets: the values that are to be reached."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from functools import partial

from benchmarks import connections, contenders as c, delays, encrypted, idle, loads

CPU_REQUEST = 'CPU µs per request'
CPU_GB = 'CPU s per GB'

#: How many units of a column of processor time make one second.
CPU_SCALE = {CPU_REQUEST: 1e6, CPU_GB: 1.0}


@dataclass(frozen=True)
class Scenario:
    """A load on a backend, with its contenders.

    Ratios compare the column *judged* with that of the contender *reference*. *cpu* is the column of the proxy's
    processor time per unit of work, or empty if that is not measured.
    """

    name: str
    backend: str
    load: loads.Load
    contenders: tuple[c.Contender, ...]
    cpu: str
    judged: str
    reference: c.Contender


class Kind(enum.Enum):
    """How a target compares with the other contender."""

    #: ours / theirs
    RATIO = enum.auto()
    #: (ours - direct) / (theirs - direct)
    ADDED = enum.auto()


@dataclass(frozen=True)
class Target:
    """A limit for a column of a scenario.

    If *theirs* is given, the limit is for *ours* compared with *theirs*, in the way that *kind* says.
    """

    scenario: str
    ours: c.Contender
    limit: float
    theirs: c.Contender | None = None
    column: str = CPU_REQUEST
    kind: Kind = Kind.RATIO


_REDIS = (
    c.DIRECT,
    c.BARE_LOOP_TCP,
    c.HAPROXY_TCP,
    c.VAURIEN_TCP,
    c.VAURIEN_TCP_PURE,
    c.VAURIEN_REDIS,
    c.VAURIEN_REDIS_ARMED,
    c.VAURIEN_REDIS_AIMED,
    c.VAURIEN_REDIS_RECORDED,
    c.TOXIPROXY,
)
_HTTP = (
    c.DIRECT,
    c.BARE_LOOP_TCP,
    c.HAPROXY_TCP,
    c.HAPROXY_HTTP,
    c.VAURIEN_TCP,
    c.VAURIEN_TCP_PURE,
    c.VAURIEN_HTTP,
    c.VAURIEN_HTTP_ARMED,
    c.VAURIEN_HTTP_AIMED,
    c.VAURIEN_HTTP_RECORDED,
    c.TOXIPROXY,
)
_BULK = (c.DIRECT, c.HAPROXY_TCP, c.HAPROXY_SPLICED, c.VAURIEN_TCP, c.TOXIPROXY)
_SINGLE = (c.DIRECT, c.BARE_LOOP_TCP, c.HAPROXY_TCP, c.VAURIEN_TCP, c.VAURIEN_REDIS_ARMED, c.TOXIPROXY)
_IDLE = (c.HAPROXY_TCP, c.VAURIEN_TCP, c.VAURIEN_REDIS_ARMED, c.VAURIEN_LATENCY, c.TOXIPROXY)
_TLS = (c.DIRECT, c.HAPROXY_TLS_TCP, c.HAPROXY_TLS_HTTP, c.VAURIEN_TLS_TCP, c.VAURIEN_TLS_HTTP_ARMED)
_TLS_IDLE = (c.HAPROXY_TLS_TCP, c.VAURIEN_TLS_TCP, c.VAURIEN_TLS_HTTP_ARMED)
_DELAY = (c.DIRECT, c.VAURIEN_DELAY, c.VAURIEN_LATENCY, c.TOXIPROXY_LATENCY)
_SLOW = (c.DIRECT, c.VAURIEN_BANDWIDTH, c.TOXIPROXY_BANDWIDTH)
_PAGES = (c.VAURIEN_NO_PAGE, c.VAURIEN_ONE_PAGE, c.VAURIEN_TWENTY_PAGES)
_SLICED = (c.DIRECT, c.VAURIEN_SLICER, c.TOXIPROXY_SLICER)


_HELD = partial(loads.redis_benchmark, clients=50, pipeline=16, nominal_rate=8_000)
_PACED = partial(loads.paced, request=loads.GET, reply=loads.NIL, clients=50, rate=5_000)
_GET_MISS = partial(loads.closed_loop, request=b'get k\r\n', reply=b'END\r\n', clients=50)


def _redis(name: str, clients: int, pipeline: int, nominal_rate: int) -> Scenario:
    load = partial(loads.redis_benchmark, clients=clients, pipeline=pipeline, nominal_rate=nominal_rate)
    return Scenario(name, 'redis', load, _REDIS, CPU_REQUEST, CPU_REQUEST, c.HAPROXY_TCP)


def _tls(name: str, load: loads.Load, cpu: str = CPU_REQUEST) -> Scenario:
    return Scenario(name, 'nginx with TLS', load, _TLS, cpu, cpu, c.HAPROXY_TLS_TCP)


def _http(name: str, keep_alive: bool) -> Scenario:
    load = partial(loads.wrk, keep_alive=keep_alive)
    return Scenario(name, 'nginx', load, _HTTP, CPU_REQUEST, CPU_REQUEST, c.HAPROXY_HTTP)


def _framed(name: str, backend: str, load: loads.Load, armed: c.Contender) -> Scenario:
    some = (c.DIRECT, c.HAPROXY_TCP, c.VAURIEN_TCP, armed, c.TOXIPROXY)
    return Scenario(name, backend, load, some, CPU_REQUEST, CPU_REQUEST, c.HAPROXY_TCP)


def _bulk(name: str, reverse: bool, contenders: tuple[c.Contender, ...] = _BULK) -> Scenario:
    reference = c.HAPROXY_TCP if c.HAPROXY_TCP in contenders else c.DIRECT
    return Scenario(name, 'iperf3', partial(loads.iperf3, reverse=reverse), contenders, CPU_GB, CPU_GB, reference)


SCENARIOS = (
    _redis('redis c=50 P=1', 50, 1, 80_000),
    _redis('redis c=50 P=16', 50, 16, 1_000_000),
    _redis('redis c=1', 1, 1, 10_000),
    Scenario('one connection', 'redis', loads.ping_pong, _SINGLE, CPU_REQUEST, loads.P50, c.HAPROXY_TCP),
    _http('http keep-alive', keep_alive=True),
    _http('http connection per request', keep_alive=False),
    _framed('memcache', 'memcached', _GET_MISS, c.VAURIEN_MEMCACHE_ARMED),
    _framed('mysql', 'mariadb', partial(loads.mariadb_slap, nominal_rate=30_000), c.VAURIEN_MYSQL_ARMED),
    _framed('postgres', 'postgres', partial(loads.pgbench, script='SELECT 1;'), c.VAURIEN_POSTGRES_ARMED),
    _bulk('upload', reverse=False),
    _bulk('download', reverse=True),
    _bulk('upload through bandwidth', reverse=False, contenders=_SLOW),
    _bulk('upload through slicer', reverse=False, contenders=_SLICED),
    Scenario('idle links', 'redis', idle.idle_links, _IDLE, '', idle.KIB, c.HAPROXY_TCP),
    _tls('TLS keep-alive', partial(loads.wrk, keep_alive=True, scheme='https')),
    _tls('TLS connection per request', partial(encrypted.open_sessions, resumed=False)),
    _tls('TLS session resumed per request', partial(encrypted.open_sessions, resumed=True)),
    _tls('TLS upload', encrypted.upload, CPU_GB),
    _tls('TLS download', encrypted.download, CPU_GB),
    Scenario('TLS idle links', 'nginx with TLS', encrypted.idle_sessions, _TLS_IDLE, '', idle.KIB, c.HAPROXY_TLS_TCP),
    Scenario('delay', 'redis', delays.delay_error, _DELAY, CPU_REQUEST, delays.P99_ERROR, c.DIRECT),
    Scenario(
        'workers', 'redis', _HELD, (c.VAURIEN_HELD, c.VAURIEN_TWO_WORKERS), CPU_REQUEST, loads.RATE, c.VAURIEN_HELD
    ),
    Scenario('pages', 'redis', _PACED, _PAGES, CPU_REQUEST, CPU_REQUEST, c.VAURIEN_NO_PAGE),
    Scenario('tcpgoon', 'tcpgoon', connections.open_many, (c.DIRECT,), '', connections.SECONDS, c.DIRECT),
)

TARGETS = (
    Target('redis c=50 P=1', c.VAURIEN_TCP, 1.05, c.HAPROXY_TCP),
    Target('redis c=50 P=1', c.VAURIEN_REDIS_ARMED, 1.15, c.HAPROXY_TCP),
    Target('redis c=50 P=1', c.VAURIEN_REDIS_AIMED, 1.15, c.VAURIEN_REDIS),
    Target('redis c=50 P=1', c.VAURIEN_REDIS_RECORDED, 1.05, c.VAURIEN_REDIS),
    Target('redis c=50 P=16', c.VAURIEN_TCP, 0.95, c.HAPROXY_TCP),
    Target('one connection', c.VAURIEN_TCP, 1.1, c.HAPROXY_TCP, loads.P50, Kind.ADDED),
    Target('http keep-alive', c.VAURIEN_TCP, 1.05, c.HAPROXY_TCP),
    Target('http keep-alive', c.VAURIEN_HTTP_ARMED, 1.05, c.HAPROXY_HTTP),
    Target('http keep-alive', c.VAURIEN_HTTP_AIMED, 1.15, c.VAURIEN_HTTP),
    Target('http keep-alive', c.VAURIEN_HTTP_RECORDED, 1.05, c.VAURIEN_HTTP),
    Target('http connection per request', c.VAURIEN_TCP, 1.05, c.HAPROXY_TCP),
    Target('memcache', c.VAURIEN_MEMCACHE_ARMED, 1.25, c.HAPROXY_TCP),
    Target('mysql', c.VAURIEN_MYSQL_ARMED, 1.25, c.HAPROXY_TCP),
    Target('postgres', c.VAURIEN_POSTGRES_ARMED, 1.25, c.HAPROXY_TCP),
    Target('upload', c.VAURIEN_TCP, 0.6, c.HAPROXY_TCP, CPU_GB),
    Target('upload', c.VAURIEN_TCP, 1.3, c.HAPROXY_SPLICED, CPU_GB),
    Target('download', c.VAURIEN_TCP, 0.6, c.HAPROXY_TCP, CPU_GB),
    Target('download', c.VAURIEN_TCP, 1.3, c.HAPROXY_SPLICED, CPU_GB),
    Target('idle links', c.VAURIEN_TCP, 4.0, column=idle.KIB),
    Target('idle links', c.VAURIEN_LATENCY, 8.0, column=idle.KIB),
    Target('TLS keep-alive', c.VAURIEN_TLS_TCP, 1.6, c.HAPROXY_TLS_TCP),
    Target('TLS keep-alive', c.VAURIEN_TLS_HTTP_ARMED, 1.6, c.HAPROXY_TLS_HTTP),
    Target('TLS connection per request', c.VAURIEN_TLS_TCP, 1.3, c.HAPROXY_TLS_TCP),
    Target('TLS session resumed per request', c.VAURIEN_TLS_TCP, 1.3, c.HAPROXY_TLS_TCP),
    Target('TLS upload', c.VAURIEN_TLS_TCP, 1.5, c.HAPROXY_TLS_TCP, CPU_GB),
    Target('TLS download', c.VAURIEN_TLS_TCP, 1.5, c.HAPROXY_TLS_TCP, CPU_GB),
    Target('TLS idle links', c.VAURIEN_TLS_TCP, 60.0, column=idle.KIB),
    Target('delay', c.VAURIEN_DELAY, 1.0, column=delays.P99_ERROR),
    Target('delay', c.VAURIEN_LATENCY, 2.0, column=delays.P99_ERROR),
    Target('delay', c.VAURIEN_LATENCY, 0.8, c.TOXIPROXY_LATENCY),
    Target('upload through bandwidth', c.VAURIEN_BANDWIDTH, 0.8, c.TOXIPROXY_BANDWIDTH, CPU_GB),
    Target('upload through slicer', c.VAURIEN_SLICER, 0.8, c.TOXIPROXY_SLICER, CPU_GB),
    # Two have 1.8 times the throughput of one, if nothing else wants the processors; and whatever else does, a request
    # costs two about as much as one.
    Target('workers', c.VAURIEN_HELD, 1 / 1.8, c.VAURIEN_TWO_WORKERS, loads.RATE),
    Target('workers', c.VAURIEN_TWO_WORKERS, 1.1, c.VAURIEN_HELD),
    Target('pages', c.VAURIEN_ONE_PAGE, 1.03, c.VAURIEN_NO_PAGE),
    Target('pages', c.VAURIEN_TWENTY_PAGES, 1.1, c.VAURIEN_NO_PAGE, loads.P50),
    Target('tcpgoon', c.DIRECT, 6.0, column=connections.SECONDS),
    Target('tcpgoon', c.DIRECT, 4.0, column=connections.KIB),
)
