"""What ``vaurienctl top`` shows of the events."""

from __future__ import annotations

from typing import Any

from vaurien.cli.ctl.top.board import WINDOW, Board, Order
from vaurien.client import Event
from vaurien.rules.match import Pattern


def state(behavior: str = 'dummy', **changed: Any) -> dict[str, Any]:
    rules = [] if behavior == 'dummy' else [{'name': behavior, 'percent': 100.0, 'options': {}}]
    return {
        'enabled': True,
        'listen': 'localhost:1',
        'backend': 'localhost:2',
        'protocol': 'redis',
        'behavior': behavior,
        'rules': rules,
        'toxics': [],
        **changed,
    }


def snapshot(*changes: dict[str, Any], **states: dict[str, Any]) -> Event:
    return Event('snapshot', {'time': 1.0, 'version': '2', 'states': states, 'series': {}, 'changes': list(changes)})


def change(proxy: str | None, state: dict[str, Any] | None) -> dict[str, Any]:
    return {'time': 1.0, 'proxy': proxy, 'what': 'behavior', 'by': 'api', 'text': '', 'state': state}


def second(**proxies: dict[str, Any]) -> Event:
    counts = {
        name: {
            **dict.fromkeys(('requests', 'errors', 'faults', 'upstream', 'downstream'), 0.0),
            'links': 0,
            'backend': None,
            'client': None,
            'state': state(),
            **count,
        }
        for name, count in proxies.items()
    }
    begun = int(sum(count['requests'] for count in counts.values()))
    return Event('second', {'time': 2.0, 'seconds': 1.0, 'requests': begun, 'timed': 1, 'proxies': counts})


def exchange(request: str, proxy: str = 'redis', **changed: Any) -> Event:
    data = {'proxy': proxy, 'request': request, 'reply': 'ok', 'behavior': None}
    return Event('exchange', {**data, 'client_time': 0.001, 'backend_time': 0.001, **changed})


def make_board(*events: Event) -> Board:
    board = Board()
    for event in events:
        board.add(event)
    return board


def test_the_proxies_are_there_before_the_first_second() -> None:
    board = make_board(snapshot(redis=state('error', toxics=[{'name': 'latency_downstream'}])))
    (row,) = board.list_proxies()
    assert (row.name, row.requests, row.p99, row.is_late) == ('redis', 0.0, None, False)
    assert (row.behavior, row.toxics) == ('error', ['latency_downstream'])


def test_proxies_come_and_go() -> None:
    board = make_board(snapshot(a=state()), Event('change', change('b', state())))
    assert [row.name for row in board.list_proxies()] == ['a', 'b']
    board.add(Event('change', change('a', None)))
    assert [row.name for row in board.list_proxies()] == ['b']
    board.add(Event('change', change(None, None)))
    board.add(second(c={}))
    assert [row.name for row in board.list_proxies()] == ['c']


def test_orders() -> None:
    board = make_board(
        second(
            c={'requests': 3.0, 'client': {'p50': 0.1, 'p95': 0.1, 'p99': 0.1}},
            b={'requests': 1.0, 'errors': 1.0},
            a={'requests': 2.0, 'faults': 2.0},
        )
    )
    found = {order: ''.join(row.name for row in board.list_proxies(order)) for order in Order}
    assert found == {
        Order.REQUESTS: 'cab',
        Order.ERRORS: 'bac',
        Order.FAULTS: 'abc',
        Order.TIME: 'cab',
        Order.NAME: 'abc',
    }


def test_each_order_leads_to_the_next_one() -> None:
    order, seen = Order.REQUESTS, []
    for _ in Order:
        seen.append(order)
        order = order.next
    assert (seen, order) == (list(Order), Order.REQUESTS)


def test_requests_are_counted_by_class() -> None:
    board = make_board(
        exchange('GET user:1'),
        exchange('GET user:2', reply='error', behavior='error'),
        exchange('GET user:3', reply=None, behavior='abort', client_time=None, backend_time=None),
        exchange('PING'),
        second(redis={'requests': 4.0}),
    )
    busiest, other = board.list_requests()
    assert (busiest.name, other.name) == ('GET user:*', 'PING')
    assert (busiest.requests, busiest.errors, busiest.cuts, busiest.faults, busiest.timed) == (3.0, 1.0, 1.0, 2.0, 3)
    assert (other.requests, other.p99) == (1.0, 0.001)


def test_those_that_were_not_timed_are_estimated() -> None:
    board = make_board(exchange('GET a', reply='error'), exchange('SET a'), second(redis={'requests': 1000.0}))
    assert [(row.name, row.requests, row.errors) for row in board.list_requests()] == [
        ('GET a', 500.0, 500.0),
        ('SET a', 500.0, 0.0),
    ]


def test_one_that_takes_long_counts_for_the_second_in_which_it_began() -> None:
    board = make_board(second(redis={'requests': 1.0}), exchange('GET a'), second(redis={}))
    assert [row.requests for row in board.list_requests()] == [0.5]


def test_old_requests_are_forgotten() -> None:
    board = make_board(exchange('GET a'), *[second(redis={'requests': 1.0})] * WINDOW)
    assert board.list_requests()
    board.add(second(redis={}))
    assert board.list_requests() == []


def test_requests_are_filtered_by_their_whole_text() -> None:
    board = make_board(exchange('GET user:1'), exchange('GET user:2'), second(redis={'requests': 2.0}))
    assert [(row.name, row.requests) for row in board.list_requests(pattern=Pattern.parse('*:1'))] == [
        ('GET user:*', 1.0)
    ]


def test_late_is_what_the_backend_did_not_take() -> None:
    board = make_board(
        exchange('slow', client_time=1.0, backend_time=0.99),
        exchange('late', client_time=1.0),
        exchange('held', client_time=1.0, backend_time=None),
        second(redis={'requests': 3.0}),
    )
    assert [row.name for row in board.list_requests() if row.is_late] == ['held', 'late']


def test_what_was_armed_last() -> None:
    before = [change('a', state('delay')), change('a', state('error')), change('a', state()), change(None, None)]
    board = make_board(snapshot(*before, a=state(), b=state('hang'), c=state()))
    assert [board.find_armed(name) for name in 'abc'] == ['error', 'hang', None]
    board.add(Event('change', change('c', state('abort'))))
    board.add(second(c={}))
    assert board.find_armed('c') == 'abort'
    board.add(Event('change', change('c', None)))
    assert board.find_armed('c') is None
