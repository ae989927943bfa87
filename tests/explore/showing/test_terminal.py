"""What is printed: the matrix, the findings in words, the score, for terminals of any width."""

from __future__ import annotations

import re
import shlex

import pytest
from rich.text import Text

from tests.explore.showing.sample import PLACE, POINTS, make_cell, make_explored
from vaurien.explore.model import Explored, ExploredProxy, Injection, Outcome, ReplayCommand, Untried
from vaurien.explore.showing.baseline import Accepted, Baseline
from vaurien.explore.showing.terminal import show
from vaurien.framing.trials import Kind

CHARGE = POINTS[4]


def rows_of(text: str) -> dict[str, str]:
    """The letters of each row of the first matrix, by its request: a blank where nothing was possible."""
    head, *lines = text.partition('\n\n')[0].splitlines()[2:]
    columns = [match.start() + (len(match[0]) - 1) // 2 for match in re.finditer(r'\S+', head)][-6:]
    begin = head.index('request')
    return {line[begin:].split('  ')[0]: ''.join(line.ljust(200)[at] for at in columns) for line in lines}


def test_the_matrix_has_requests_down_and_faults_across_with_the_worst_letter_of_each_pair() -> None:
    text = show(make_explored(), 150, False)
    assert text.splitlines()[2].split() == ['request', 'asked', 'by', *(kind.value for kind in Kind)]
    assert rows_of(text) == {
        '(connect)': 'r     ',
        'HGETALL cart:*': 'rr  . ',
        'BEGIN': 'd ?   ',
        'INSERT INTO orders (customer, total) VALUES ($1, $2)': ' dH  K',
        'POST /charge': 'STddWL',
        'COMMIT': 'dW?   ',
        'DEL cart:*': ' .  ?-',
    }


def test_equal_requests_that_were_not_tried_share_a_row() -> None:
    lines = show(make_explored(), 120, False).splitlines()
    assert [line.split()[-3:] for line in lines if 'GET /price' in line] == [
        ['/price', 'shop/stock.py:9', '.'],
        ['#2-5', 'shop/stock.py:9', '?'],
        ['#6', 'shop/stock.py:9', 'r'],
    ]


def test_a_finding_says_when_and_what_and_what_helps_and_how_to_try_it_again() -> None:
    text = show(make_explored(), 120, False)
    assert (
        """
 2  wrong and twice  payments: POST /charge  shop/payments.py:31
    if it is carried out and its reply is lost, or the reply breaks off
    POST /charge was carried out twice
    Make the write repeatable, for example by an idempotency key, or do not try it again.
    in tests/test_orders.py::test_place
    $ pytest tests/test_orders.py::test_place --vaurien-fault 'payments: POST /charge #1 lost'
"""
        in text
    )


def test_what_was_not_tried_is_counted_by_reason() -> None:
    text = show(make_explored(), 200, False)
    assert '\n6 findings; survived 16 of 23 faults, tried 23 of 31\n' in text
    assert (
        'not tried: 4 (in a loop), 2 (silent once at postgres is enough), 1 (budget), '
        '1 (the request did not come again)\n'
    ) in text


def test_tests_without_a_matrix_say_why() -> None:
    text = show(make_explored(), 120, False)
    assert 'tests/test_words.py::test_plural\nnothing to explore: the application asked nothing\n' in text
    assert 'tests/test_mail.py::test_greets\nnot explored: it failed without a fault: assert 1 == 2\n' in text


@pytest.mark.parametrize('width', [20, 40, 60, 80, 100, 300])
def test_no_line_is_longer_than_the_terminal_but_a_command_to_be_copied(width: int) -> None:
    lines = show(make_explored(), width, False).splitlines()
    assert [line for line in lines if len(line) > width and '$ pytest' not in line] == []
    commands = [shlex.split(line.partition('$ ')[2]) for line in lines if '$ pytest' in line]
    assert len(commands) == 6
    for command in commands:
        assert str(Injection.parse(command[-1])) == command[-1]


def test_colours_add_nothing_but_colours() -> None:
    coloured = show(make_explored(), 100, True)
    assert re.search(r'\x1b\[1;31m +W +\x1b\[0m', coloured)
    plain = [line.rstrip() for line in Text.from_ansi(coloured).plain.splitlines()]
    assert plain == show(make_explored(), 100, False).rstrip('\n').splitlines()


def test_what_comes_from_elsewhere_moves_no_cursor() -> None:
    cell = make_cell(CHARGE, Kind.LOST, Outcome.WRONG, message='\x1b[2J\u202e', test='\x1b]0;x\x07')
    explored = Explored(test='\x1b]0;x\x07', points=[CHARGE], cells=[cell], problem='')
    text = show([explored], 100, False)
    assert '\x1b' not in text
    assert '\\x1b[2J\\u202e' in text


def test_accepted_findings_come_last_with_their_reasons() -> None:
    accepted = Accepted(
        faults=('payments: POST /charge #9 lost',),
        outcomes=frozenset({Outcome.TWICE}),
        reason='The provider knows the order.',
    )
    text = show(make_explored(), 120, False, Baseline([accepted]))
    assert '    accepted: twice  payments: POST /charge: The provider knows the order.\n' in text
    assert '\n6 findings, 1 accepted; survived' in text


@pytest.mark.parametrize(
    ('protocol', 'remedy'), [('postgres', 'libpq waits'), ('redis', 'socket_timeout'), ('', 'Give the client')]
)
def test_a_client_without_a_timeout_is_one_finding_for_all_its_requests(protocol: str, remedy: str) -> None:
    cells = [make_cell(point, Kind.SILENT, Outcome.HUNG) for point in POINTS if point.proxy == 'postgres']
    proxies = [ExploredProxy(name='postgres', protocol=protocol)] if protocol else []
    text = show([Explored(test=PLACE, proxies=proxies, points=POINTS, cells=cells)], 120, False)
    assert ' 1  hung  postgres: any request\n    if there is no reply\n' in text
    assert remedy in text
    assert '1 finding;' in text


def test_a_command_is_tried_again_as_its_replay_says() -> None:
    replay = ReplayCommand(before=('vaurien', 'explore'), flag='--fault', after=('--', 'npm', 'test'))
    cell = make_cell(CHARGE, Kind.LOST, Outcome.WRONG)
    text = show([Explored(test='npm test', replay=replay, points=[CHARGE], cells=[cell])], 120, False)
    assert "    $ vaurien explore --fault 'payments: POST /charge #1 lost' -- npm test\n" in text


def test_a_fault_at_a_request_that_no_clean_run_has_is_in_the_matrix_too() -> None:
    fallback = Injection(proxy='redis', request='GET spare', nth=1, kind=Kind.LOST)
    explored = Explored(test=PLACE, points=[CHARGE], untried=[Untried(injection=fallback, reason='budget')])
    assert rows_of(show([explored], 100, False)) == {'POST /charge': '      ', 'GET spare': ' ?    '}


def test_nothing_at_all_is_a_score_of_nothing() -> None:
    assert show([], 80, False) == '0 findings; survived 0 of 0 faults, tried 0 of 0\n'
