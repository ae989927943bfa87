"""What ``vaurienctl top`` shows: events in, rows out."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from enum import Enum
from typing import Any

import msgspec

from vaurien.client import Event
from vaurien.console.percentiles import percentiles
from vaurien.rules.masking import mask
from vaurien.rules.match import Pattern

#: The seconds over which the busiest requests are counted.
WINDOW = 10
#: An exchange is late if its client has waited longer than the backend took, by more than so many seconds.
LATE = 0.05


class Order(Enum):
    """What comes first: the most of something, or the first name."""

    REQUESTS = 'requests'
    ERRORS = 'errors'
    FAULTS = 'faults'
    TIME = 'p99'
    NAME = 'name'

    @property
    def next(self) -> Order:
        """The order after this one."""
        orders = list(Order)
        return orders[(orders.index(self) + 1) % len(orders)]


class ProxyRow(msgspec.Struct, frozen=True, kw_only=True):
    """A proxy, and what went through it in the last second. Rates are per second, times in seconds."""

    name: str
    enabled: bool
    listen: str
    backend: str
    protocol: str
    #: What is armed: the text of the rules, ``dummy`` for none, and the names of the toxics.
    behavior: str
    toxics: list[str]
    links: int
    requests: float
    errors: float
    faults: float
    upstream: float
    downstream: float
    #: What the clients have felt; None: nothing was timed.
    p50: float | None
    p95: float | None
    p99: float | None
    #: What the backend has taken.
    backend_p99: float | None

    @property
    def is_late(self) -> bool:
        """Whether clients have waited longer than the backend took."""
        return _is_late(self.p99, self.backend_p99)


class RequestRow(msgspec.Struct, frozen=True, kw_only=True):
    """Requests of one class to one proxy, in the last seconds. Rates are per second, times in seconds."""

    proxy: str
    #: The text that they have in common.
    name: str
    #: All of them; those with an error, without a whole reply, with a fault. Estimated if not all were timed.
    requests: float
    errors: float
    cuts: float
    faults: float
    #: How many were timed.
    timed: int
    p50: float | None
    p99: float | None
    backend_p99: float | None

    @property
    def is_late(self) -> bool:
        """Whether clients have waited longer than the backend took."""
        return _is_late(self.p99, self.backend_p99)


class Board:
    """Keeps of the events what is to be shown now."""

    def __init__(self) -> None:
        #: The version of the process; how many exchanges were begun in it in the last second, and how many were timed.
        self.version = ''
        self.time = 0.0
        self.requests = 0
        self.timed = 0
        self._states: dict[str, dict[str, Any]] = {}
        self._counts: dict[str, dict[str, Any]] = {}
        #: The last seconds, each with the exchanges in it, and their classes; and those since then.
        self._seconds: deque[tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]]] = deque(maxlen=WINDOW)
        self._exchanges: list[tuple[str, dict[str, Any]]] = []
        #: What was armed last on each proxy.
        self._armed: dict[str, str] = {}

    def add(self, event: Event) -> None:
        """Take an event."""
        data = event.data
        match event.name:
            case 'snapshot':
                self._begin(data)
            case 'second':
                self._add_second(data)
            case 'exchange':
                self._exchanges.append((mask(data['request']), data))
            case 'change' if data['proxy'] is not None:
                self._add_change(data)

    def _begin(self, data: dict[str, Any]) -> None:
        """Begin anew: a snapshot has all that is known."""
        self.version, self.time = data['version'], data['time']
        self._counts = {}
        for change in data['changes']:
            if change['proxy'] is not None:
                self._add_change(change)
        self._states = {}
        for name, state in data['states'].items():
            self._set_state(name, state)

    def _add_second(self, data: dict[str, Any]) -> None:
        self.time, self.requests, self.timed = data['time'], data['requests'], data['timed']
        self._counts = data['proxies']
        self._seconds.append((data, self._exchanges))
        self._exchanges = []
        self._states = {}
        for name, count in self._counts.items():
            self._set_state(name, count['state'])

    def _add_change(self, data: dict[str, Any]) -> None:
        if data['state'] is None:
            self._states.pop(data['proxy'], None)
            self._armed.pop(data['proxy'], None)
        else:
            self._set_state(data['proxy'], data['state'])

    def _set_state(self, name: str, state: dict[str, Any]) -> None:
        self._states[name] = state
        if state['rules']:
            self._armed[name] = state['behavior']

    def find_armed(self, proxy: str) -> str | None:
        """Return the text of the rules that were armed last on a proxy, also if they no longer are; None for none."""
        return self._armed.get(proxy)

    def list_proxies(self, order: Order = Order.REQUESTS) -> list[ProxyRow]:
        """Return a row for each proxy."""
        rows = [self._make_proxy(name, state) for name, state in self._states.items()]
        return sorted(rows, key=lambda row: _make_key(row, order, row.name))

    def _make_proxy(self, name: str, state: dict[str, Any]) -> ProxyRow:
        count = self._counts.get(name, {})
        client, backend = count.get('client') or {}, count.get('backend') or {}
        fields: dict[str, Any] = {
            **{field: state[field] for field in ('enabled', 'listen', 'backend', 'protocol', 'behavior')},
            **{field: count.get(field, 0.0) for field in ('requests', 'errors', 'faults', 'upstream', 'downstream')},
            **{field: client.get(field) for field in ('p50', 'p95', 'p99')},
        }
        return ProxyRow(
            name=name,
            toxics=[toxic['name'] for toxic in state['toxics']],
            links=count.get('links', 0),
            backend_p99=backend.get('p99'),
            **fields,
        )

    def list_requests(self, order: Order = Order.REQUESTS, pattern: Pattern | None = None) -> list[RequestRow]:
        """Return a row for each class of requests that were timed lately, of those whose text *pattern* matches."""
        classes: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        timed: dict[str, int] = defaultdict(int)
        for _, exchanges in self._seconds:
            for name, exchange in exchanges:
                timed[exchange['proxy']] += 1
                if pattern is None or pattern.matches(exchange['request']):
                    classes[exchange['proxy'], name].append(exchange)
        rates = {proxy: self._find_rate(proxy) for proxy in timed}
        rows = [
            _make_request(proxy, name, exchanges, rates[proxy] / timed[proxy])
            for (proxy, name), exchanges in classes.items()
        ]
        return sorted(rows, key=lambda row: _make_key(row, order, f'{row.name} {row.proxy}'))

    def _find_rate(self, proxy: str) -> float:
        """Return how many exchanges a second were begun on a proxy lately."""
        seconds = [data for data, _ in self._seconds]
        begun = sum(
            data['proxies'][proxy]['requests'] * data['seconds'] for data in seconds if proxy in data['proxies']
        )
        return float(begun / sum(data['seconds'] for data in seconds))


def _make_request(proxy: str, name: str, exchanges: Sequence[dict[str, Any]], each: float) -> RequestRow:
    """Return the row of a class; each of its exchanges stands for so many a second."""
    client = _find_percentiles(exchanges, 'client_time', 50, 99)
    (backend,) = _find_percentiles(exchanges, 'backend_time', 99)
    return RequestRow(
        proxy=proxy,
        name=name,
        requests=round(len(exchanges) * each, 3),
        errors=round(sum(one['reply'] == 'error' for one in exchanges) * each, 3),
        cuts=round(sum(one['reply'] is None for one in exchanges) * each, 3),
        faults=round(sum(one['behavior'] is not None for one in exchanges) * each, 3),
        timed=len(exchanges),
        p50=client[0],
        p99=client[1],
        backend_p99=backend,
    )


def _find_percentiles(exchanges: Sequence[dict[str, Any]], field: str, *percents: int) -> list[float | None]:
    ranked = sorted(one[field] for one in exchanges if one[field] is not None)
    return [*percentiles(ranked, *percents)] if ranked else [None] * len(percents)


def _is_late(client: float | None, backend: float | None) -> bool:
    return client is not None and client - (backend or 0.0) > LATE


def _make_key(row: ProxyRow | RequestRow, order: Order, name: str) -> tuple[float, str]:
    """Return what a row is sorted by: the most first, then by name."""
    value = 0.0 if order is Order.NAME else getattr(row, order.value)
    return -(value or 0.0), name
