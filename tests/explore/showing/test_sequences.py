"""Two runs side by side: what asks the same is in one row, whatever numbers are in it."""

from __future__ import annotations

from hypothesis import given, strategies as st

from tests.explore.showing.sample import make_entry
from vaurien.explore.showing.sequences import SHOWN, align
from vaurien.records.entry import Entry


def entries(*requests: str) -> list[Entry]:
    return [make_entry(number, 'redis', request) for number, request in enumerate(requests, 1)]


RUNS = st.lists(st.sampled_from(['GET 1', 'GET 2', 'SET a', 'DEL b']), max_size=8).map(lambda run: entries(*run))


def test_what_asks_the_same_is_in_one_row() -> None:
    assert align(entries('GET cart:7', 'SET a', 'DEL b'), entries('GET cart:8', 'GET cart:8', 'DEL b')) == [
        (0, 0),
        (1, None),
        (None, 1),
        (2, 2),
    ]


def test_a_request_at_another_proxy_is_another_one() -> None:
    assert align([make_entry(1, 'redis', 'GET a')], [make_entry(1, 'cache', 'GET a')]) == [(0, None), (None, 0)]


def test_of_a_storm_the_beginning_is_shown() -> None:
    rows = align(entries('GET a'), entries(*['GET a'] * (2 * SHOWN)))
    assert rows[0] == (0, 0)
    assert [right for _, right in rows] == list(range(SHOWN))


@given(RUNS, RUNS)
def test_each_exchange_is_shown_once_in_its_order(clean: list[Entry], faulty: list[Entry]) -> None:
    rows = align(clean, faulty)
    assert [left for left, _ in rows if left is not None] == list(range(len(clean)))
    assert [right for _, right in rows if right is not None] == list(range(len(faulty)))
    assert all(left is not None or right is not None for left, right in rows)
