"""What is kept of a run at one proxy, and which requests meet its faults."""

from __future__ import annotations

from itertools import count
from typing import Any, NamedTuple

import pytest

from tests.explore.simulated import make_entry
from vaurien.address import Address
from vaurien.engine.chooser import Choice
from vaurien.explore.aiming import Aim
from vaurien.explore.model import Injection
from vaurien.explore.watching import Requester, Take, Watcher
from vaurien.framing.meaning import TransactionState
from vaurien.records.counts import Counts
from vaurien.records.entry import Entry
from vaurien.rules.behaviors import make_rules

LOST = Injection.parse('api: GET * #2 lost')
RULES = {LOST: make_rules('abort')[0]}
APPLICATION, TEST = Requester(is_own=False, where='app.py:1'), Requester(is_own=True)


class Link(NamedTuple):
    """The part of a link that is watched."""

    number: int = 1
    client_address: Address | None = Address('127.0.0.1', 50_000)

    def counts(self) -> Counts:
        """Nobody asks for these."""
        raise NotImplementedError


@pytest.fixture
def take() -> Take:
    return Take('api', Aim([LOST]), RULES, count())


def ask(take: Take, exchange: int, requester: Requester = APPLICATION) -> Choice | None:
    return take.count(1, exchange, f'GET {exchange}', requester)


def over(exchange: int, **fields: Any) -> Entry:
    """Return the entry of an exchange that is over."""
    return make_entry(f'GET {exchange}', exchange=exchange, **fields)


def test_the_request_that_is_aimed_at_meets_the_fault(take: Take) -> None:
    assert ask(take, 1) == Choice(None, 'app.py:1')
    assert ask(take, 2) == Choice(RULES[LOST], 'app.py:1')
    assert ask(take, 3) == Choice(None, 'app.py:1')


def test_requests_of_the_test_are_counted_and_left_alone(take: Take) -> None:
    assert ask(take, 1, TEST) is None
    take.keep(over(1))
    assert not take.is_asked
    assert (take.own, take.entries) == (1, [])
    assert ask(take, 2) == Choice(None, 'app.py:1')  # the first one of the application
    assert take.is_asked


def test_nothing_is_injected_once_it_is_disarmed(take: Take) -> None:
    take.is_armed = False
    assert [ask(take, 1), ask(take, 2)] == [Choice(None, 'app.py:1')] * 2


def test_entries_have_the_numbers_of_their_requests(take: Take) -> None:
    ask(take, 1)
    ask(take, 2)
    assert take.waiting == [1, 1]
    take.keep(over(2))
    take.keep(over(1))
    take.keep(over(9))  # of a request before the run
    assert [(number, entry.exchange) for number, entry in take.entries] == [(1, 2), (0, 1)]
    assert take.waiting == []


@pytest.fixture
def watcher(take: Take) -> Watcher:
    """Give what watches a proxy with an open link, on which the application asks."""
    watching = Watcher(lambda link: APPLICATION)
    watching.on_link(Link())
    watching.begin(take)
    return watching


def test_a_watcher_chooses_for_the_run_that_goes_on(watcher: Watcher, take: Take) -> None:
    assert watcher.choose(Link(), 1, 'GET 1', 1, b'') == Choice(None, 'app.py:1')
    take.is_counting = False
    assert watcher.choose(Link(), 2, 'GET 2', 2, b'') is None
    watcher.on_exchange(over(1))
    assert [entry.exchange for _, entry in take.entries] == [1]


def test_entries_are_of_the_proxy_as_it_is_called(watcher: Watcher, take: Take) -> None:
    ask(take, 1)
    watcher.rename('cache')
    watcher.on_exchange(over(1))
    assert [entry.proxy for _, entry in take.entries] == ['cache']


def test_nothing_is_chosen_before_the_first_run() -> None:
    watching = Watcher(lambda link: APPLICATION)
    assert watching.choose(Link(), 1, 'GET 1', 1, b'') is None
    watching.on_exchange(over(1))


def test_a_watcher_knows_where_its_links_stand(watcher: Watcher) -> None:
    [link] = watcher.open
    assert not link.is_here
    watcher.choose(Link(), 1, 'BEGIN', 1, b'')
    assert link.is_here
    for state, expected in (
        (TransactionState.OPEN, True),
        (None, True),  # a reply that does not say so
        (TransactionState.FAILED, True),
        (TransactionState.NONE, False),
    ):
        watcher.on_exchange(over(1, transaction=state))
        assert link.is_in_transaction is expected
    watcher.on_closed(Link())
    assert watcher.open == []
    watcher.on_exchange(over(1, transaction=TransactionState.OPEN))


def test_what_comes_once_a_run_was_ended_does_not_count(take: Take) -> None:
    take.is_armed = False
    ask(take, 1)
    assert not take.is_asked
    take.is_armed = True
    ask(take, 2)
    take.is_armed = False
    ask(take, 3)
    assert take.is_asked
