"""What exploring a small shop finds out, as the explorer hands it over: written by hand, so that each case is in it."""

from __future__ import annotations

from collections.abc import Iterable

from vaurien.explore.model import CONNECTION, Cell, Explored, ExploredProxy, Injection, Outcome, Point, Untried
from vaurien.framing.meaning import Effect, ReplyClass
from vaurien.framing.trials import Kind
from vaurien.records.entry import Entry

#: When the clean run began.
BEGIN = 1_795_000_000.0

PROXIES = (
    ExploredProxy(name='redis', protocol='redis'),
    ExploredProxy(name='postgres', protocol='postgres', is_tls=True),
    ExploredProxy(name='payments', protocol='http'),
)

POINTS = (
    Point(proxy='redis', request=CONNECTION, nth=1, effect=Effect.CONNECT),
    Point(proxy='redis', request='HGETALL cart:*', nth=1, effect=Effect.READ, where='shop/cart.py:18'),
    Point(proxy='postgres', request='BEGIN', nth=1, effect=Effect.BEGIN, where='shop/orders.py:40'),
    Point(
        proxy='postgres',
        request='INSERT INTO orders (customer, total) VALUES ($1, $2)',
        nth=1,
        effect=Effect.WRITE,
        where='shop/orders.py:41',
    ),
    Point(proxy='payments', request='POST /charge', nth=1, effect=Effect.WRITE, where='shop/payments.py:31'),
    Point(proxy='postgres', request='COMMIT', nth=1, effect=Effect.COMMIT, where='shop/orders.py:44'),
    Point(proxy='redis', request='DEL cart:*', nth=1, effect=Effect.WRITE, where='shop/cart.py:33'),
)

PLACE = 'tests/test_orders.py::test_place'
STOCK = 'tests/test_stock.py::test_lowest_price[3 shops]'


def make_entry(
    number: int,
    proxy: str,
    request: str,
    effect: Effect = Effect.READ,
    *,
    where: str = '',
    reply: ReplyClass | None = ReplyClass.OK,
    behavior: str | None = None,
    executed: bool = True,
) -> Entry:
    """Return the exchange with that number of a run."""
    return Entry(
        time=BEGIN + 0.004 * number,
        proxy=proxy,
        link=1,
        exchange=number,
        request=request,
        nth=1,
        effect=effect,
        reply=reply,
        executed=executed,
        first=0.001 if reply else None,
        seconds=0.0012 if reply else None,
        sent=64,
        received=128,
        where=where,
        behavior=behavior,
    )


def make_entries(requests: Iterable[tuple[str, str, Effect]], faulty: str = '', again: str = '') -> tuple[Entry, ...]:
    """Return the exchanges of a run. The one that has the text *faulty* loses its reply; *again* comes once more."""
    listed = list(requests)
    listed += [one for one in listed if one[1] == again]
    wheres = {(point.proxy, point.request): point.where for point in POINTS}
    entries = []
    for number, (proxy, request, effect) in enumerate(listed, 1):
        masked = request.replace('7', '*')
        is_faulty = request == faulty and number <= len(listed) - bool(again)
        entries.append(
            make_entry(
                number,
                proxy,
                request,
                effect,
                where=wheres.get((proxy, masked), ''),
                reply=None if is_faulty else ReplyClass.OK,
                behavior='abort' if is_faulty else None,
            )
        )
    return tuple(entries)


REQUESTS = [(point.proxy, point.request.replace('*', '7'), point.effect) for point in POINTS[1:]]


def inject(point: Point, kind: Kind, detail: str = '', *, for_ever: bool = False) -> Injection:
    """Return a fault at a point."""
    return Injection(
        proxy=point.proxy, request=point.request, nth=point.nth, kind=kind, detail=detail, for_ever=for_ever
    )


def make_cell(
    point: Point,
    kind: Kind,
    *outcomes: Outcome,
    detail: str = '',
    for_ever: bool = False,
    message: str = '',
    test: str = PLACE,
    again: str = '',
) -> Cell:
    """Return what became of a test under a fault at a point."""
    return Cell(
        test=test,
        injections=(inject(point, kind, detail, for_ever=for_ever),),
        effect=point.effect,
        where=point.where,
        outcomes=frozenset(outcomes),
        message=message,
        seconds=0.05,
        entries=make_entries(REQUESTS, point.request.replace('*', '7'), again),
    )


def make_explored() -> list[Explored]:
    """Return what was found out about four tests: explored, explored only in part, without requests, and not at all."""
    connect, cart, begin, insert, charge, commit, forget = POINTS
    no, half = Kind.NO, Kind.HALF
    place = Explored(
        test=PLACE,
        proxies=PROXIES,
        points=POINTS,
        clean=make_entries(REQUESTS),
        own=3,
        runs=31,
        seconds=1.9,
        cells=[
            make_cell(
                commit,
                Kind.LOST,
                Outcome.WRONG,
                message='assert response.status_code == 500: the order was kept, and the customer was told that it '
                'was not',
            ),
            make_cell(
                charge,
                Kind.LOST,
                Outcome.TWICE,
                Outcome.RETRIED,
                message='POST /charge was carried out twice',
                again='POST /charge',
            ),
            make_cell(charge, half, Outcome.TWICE, Outcome.WRONG, message='POST /charge was carried out twice'),
            make_cell(charge, Kind.REFUSED, Outcome.RETRIED),
            make_cell(charge, Kind.REFUSED, Outcome.STORM, for_ever=True, message='POST /charge came 40 times in 2 s'),
            make_cell(charge, no, Outcome.DECLARED, detail='503'),
            make_cell(charge, no, Outcome.LEAKED, detail='500', message='requests.exceptions.HTTPError: 500 Server'),
            make_cell(charge, Kind.SILENT, Outcome.DECLARED),
            make_cell(charge, Kind.LATE, Outcome.ABSORBED, detail='1.9s'),
            make_cell(charge, Kind.LATE, Outcome.DECLARED, detail='2.1s'),
            make_cell(insert, Kind.SILENT, Outcome.HUNG, message='the test did not end within 5 s'),
            make_cell(insert, Kind.LOST, Outcome.DECLARED),
            make_cell(insert, no, Outcome.DECLARED, detail='40001'),
            make_cell(insert, no, Outcome.LEAK, detail='23505', message='postgres: a transaction was left open'),
            make_cell(begin, Kind.REFUSED, Outcome.DECLARED),
            make_cell(commit, Kind.REFUSED, Outcome.DECLARED),
            make_cell(cart, Kind.REFUSED, Outcome.RETRIED),
            make_cell(cart, Kind.LOST, Outcome.RETRIED),
            make_cell(cart, half, Outcome.ABSORBED),
            make_cell(forget, Kind.LOST, Outcome.ABSORBED),
            make_cell(forget, no, Outcome.NOT_HIT, detail='LOADING'),
            make_cell(connect, Kind.REFUSED, Outcome.RETRIED),
        ],
        untried=[
            Untried(injection=inject(begin, Kind.SILENT), reason='silent once at postgres is enough'),
            Untried(injection=inject(commit, Kind.SILENT), reason='silent once at postgres is enough'),
            Untried(injection=inject(forget, half), also=(inject(cart, Kind.LOST),), reason='budget'),
        ],
    )
    prices = tuple(
        Point(proxy='payments', request='GET /price', nth=nth, effect=Effect.READ, where='shop/stock.py:9')
        for nth in range(1, 7)
    )
    stock = Explored(
        test=STOCK,
        proxies=PROXIES[2:],
        points=prices,
        clean=make_entries([('payments', 'GET /price', Effect.READ)] * 6),
        is_stable=False,
        runs=4,
        seconds=0.2,
        cells=[
            make_cell(prices[0], Kind.LOST, Outcome.ABSORBED, test=STOCK),
            make_cell(prices[5], Kind.LOST, Outcome.RETRIED, test=STOCK),
        ],
        untried=[Untried(injection=inject(point, Kind.LOST), reason='in a loop') for point in prices[1:5]],
    )
    problem = Explored(test='tests/test_mail.py::test_greets', problem='it failed without a fault: assert 1 == 2')
    return [place, stock, Explored(test='tests/test_words.py::test_plural'), problem]
