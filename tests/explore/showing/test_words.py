"""Findings in words: one fault or many, with what helps where something does."""

from __future__ import annotations

import pytest

from tests.explore.showing.sample import POINTS, inject, make_cell
from vaurien.explore.model import Cell, Explored, ExploredProxy, Outcome
from vaurien.explore.showing.baseline import NOTHING
from vaurien.explore.showing.findings import Finding, find_findings
from vaurien.explore.showing.words import (
    CONNECT_TIMEOUTS,
    CONNECTION_FAULTS,
    FAULTS,
    OTHERS_MAX,
    OUTCOMES,
    TIMEOUTS,
    count,
    describe_fault,
    describe_faults,
    describe_place,
    find_remedy,
    join,
    list_others,
    summarize,
)
from vaurien.framing.trials import Kind

CONNECT, CART, _, INSERT, CHARGE = POINTS[:5]


def find(*cells: Cell, protocol: str = 'http') -> Finding:
    """Return the finding that *cells* are."""
    proxies = [ExploredProxy(name=cell.injections[0].proxy, protocol=protocol) for cell in cells]
    [finding] = find_findings([Explored(test='test_one', proxies=proxies, cells=list(cells))], NOTHING)
    return finding


def test_each_kind_and_each_outcome_has_words() -> None:
    assert set(FAULTS) == set(Kind)
    assert set(OUTCOMES) == set(Outcome)


def test_a_fault_is_said_in_words() -> None:
    lost = inject(CHARGE, Kind.LOST)
    assert describe_fault([lost]) == 'it is carried out and its reply is lost'
    assert describe_fault([lost, inject(CART, Kind.NO, 'LOADING', for_ever=True)]) == (
        'it is carried out and its reply is lost while the backend says no (LOADING), each time'
    )


def test_what_happens_to_a_connection_is_not_said_as_of_a_request() -> None:
    ever = inject(CONNECT, Kind.SILENT, for_ever=True)
    assert describe_fault([ever]) == 'the connection gets no answer, each time'
    cells = [make_cell(CONNECT, kind, Outcome.LEAKED, detail=detail) for kind, detail in CONNECTION_FAULTS]
    assert [describe_faults(find(cell)) for cell in cells] == [f'if {words}' for words in CONNECTION_FAULTS.values()]
    cells = [make_cell(point, Kind.REFUSED, Outcome.LEAKED, message='m') for point in (CART, CONNECT)]
    both = Finding([], '', Outcome.LEAKED, [(Explored(test='test_one'), cell) for cell in cells], '')
    assert describe_faults(both) == ('if it is not carried out and the connection is cut, or the connection is refused')


def test_who_waits_for_a_connection_without_end_is_told_of_its_timeout() -> None:
    hung = find(make_cell(CONNECT, Kind.SILENT, Outcome.HUNG, for_ever=True), protocol='redis')
    assert describe_place(hung) == 'redis: (connect)'
    assert describe_faults(hung) == 'if the connection gets no answer, each time'
    assert find_remedy(hung) == CONNECT_TIMEOUTS['redis']
    assert set(CONNECT_TIMEOUTS) == set(TIMEOUTS)
    assert find_remedy(find(make_cell(CONNECT, Kind.SILENT, Outcome.HUNG))) != find_remedy(
        find(make_cell(CHARGE, Kind.SILENT, Outcome.HUNG))
    )


def test_two_kinds_are_said_in_words_and_more_by_their_names() -> None:
    cells = [make_cell(CHARGE, kind, Outcome.TWICE) for kind in (Kind.LOST, Kind.HALF, Kind.LATE)]
    assert describe_faults(find(*cells[:2])) == ('if it is carried out and its reply is lost, or the reply breaks off')
    assert describe_faults(find(*cells)) == 'under lost, late and half'


def test_a_no_has_its_detail_and_a_late_reply_has_not() -> None:
    no = [make_cell(CHARGE, Kind.NO, Outcome.LEAKED, detail=detail) for detail in ('500', '503')]
    assert describe_faults(find(*no)) == 'if the backend says no (500 and 503)'
    late = make_cell(CHARGE, Kind.LATE, Outcome.LEAKED, detail='1.2s', for_ever=True)
    assert describe_faults(find(late)) == 'if the reply is late, each time'


def test_who_waits_without_end_is_told_of_the_client_s_timeout() -> None:
    hung = make_cell(INSERT, Kind.SILENT, Outcome.HUNG)
    assert find_remedy(find(hung, protocol='postgres')) == TIMEOUTS['postgres']
    assert find_remedy(find(hung, protocol='minitel')) == 'Give the client a timeout.'
    assert find_remedy(find(make_cell(INSERT, Kind.LOST, Outcome.WRONG))) == ''


def test_a_summary_has_one_message_and_says_how_many_more_there_are() -> None:
    cells = [
        make_cell(CHARGE, kind, Outcome.LEAKED, message=message)
        for kind, message in ((Kind.LOST, 'one.'), (Kind.HALF, 'two'), (Kind.NO, 'three'))
    ]
    assert summarize(find(*cells)).startswith(
        'under lost, half and no: one (and 2 other messages). Catch the exception'
    )
    assert OUTCOMES[Outcome.TWICE] in summarize(find(make_cell(CHARGE, Kind.LOST, Outcome.TWICE)))


def test_of_many_requests_a_few_are_named() -> None:
    cells = [
        make_cell(point, Kind.LOST, Outcome.WRONG, message='AssertionError: a lock runs out by itself')
        for point in POINTS[1:]
    ]
    others = list_others(find(*cells))
    assert len(others) == OTHERS_MAX + 1
    assert others[0] == ('postgres: BEGIN', 'shop/orders.py:40')
    assert others[-1] == ('2 more requests', '')


@pytest.mark.parametrize(
    ('parts', 'text'), [([], ''), (['a'], 'a'), (['a', 'b'], 'a and b'), (['a', 'b', 'c'], 'a, b and c')]
)
def test_a_list_is_joined(parts: list[str], text: str) -> None:
    assert join(parts) == text


def test_a_number_has_its_noun() -> None:
    assert [count(number, 'test') for number in (0, 1, 2)] == ['0 tests', '1 test', '2 tests']
