"""What the recorders of one proxy share: numbers of requests by their texts, and the faults that a chooser wants."""

from __future__ import annotations

from time import process_time
from typing import NamedTuple

import pytest

from vaurien.address import Address
from vaurien.engine import recording as recording_module
from vaurien.engine.chooser import Choice
from vaurien.engine.record import Record
from vaurien.engine.recording import Recording
from vaurien.errors import ConfigError
from vaurien.framing.meaning import Effect, Meaning
from vaurien.records.counts import Counts
from vaurien.records.entry import Entry
from vaurien.records.observer import ObservedLink
from vaurien.records.proxy_log import ProxyLog
from vaurien.rules.behaviors import make_rules
from vaurien.rules.rule import Rule

ERROR, PREPARED = make_rules('error')[0], make_rules('delay')[0]


class Link(NamedTuple):
    """The part of a link that a chooser is told of."""

    number: int = 1
    client_address: Address | None = None

    def counts(self) -> Counts:
        """Nobody asks for these."""
        raise NotImplementedError


class Always:
    """Chooses the same for each request."""

    def __init__(self, choice: Choice | None) -> None:
        self._choice = choice

    def choose(self, link: ObservedLink, exchange: int, text: str, nth: int, request: bytes) -> Choice | None:
        assert (link.number, exchange, text, nth, request) == (1, 3, 'GET a', 2, b'get a')
        return self._choice


def prepare(rule: Rule, chance: str) -> Rule:
    assert (rule, chance) == (ERROR, 'seed')
    return PREPARED


def refuse(rule: Rule, chance: str) -> Rule:
    raise ConfigError('no such error')


def make_record() -> Record:
    record = Record(3, b'get a', 0, 5, None)
    record.name('GET a', 2, Meaning(Effect.READ))
    return record


def test_requests_are_counted_by_their_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_module, 'MAX_TEXTS', 2)
    entries: list[Entry] = []
    recording = Recording('redis', [entries.append], None, None, prepare, ProxyLog('redis'))
    assert [recording.count(text) for text in 'abaab'] == [1, 1, 2, 3, 2]
    assert [recording.count(text) for text in 'cbab'] == [1, 3, 1, 1]  # the oldest begins anew


def test_the_oldest_of_many_texts_is_found_at_once() -> None:
    recording = Recording('redis', [lambda entry: None], None, None, prepare, ProxyLog('redis'))

    def measure(begin: int, count: int) -> float:
        texts = list(map(str, range(begin, begin + count)))
        began = process_time()
        for text in texts:
            recording.count(text)
        return process_time() - began

    few = measure(0, recording_module.MAX_TEXTS)
    assert measure(recording_module.MAX_TEXTS, 70_000) < 5 * few


def test_nothing_is_counted_where_some_are_recorded_only() -> None:
    recording = Recording('redis', [], None, None, prepare, ProxyLog('redis'))
    assert [recording.count('a') for _ in range(2)] == [0, 0]


@pytest.mark.parametrize(
    ('choice', 'rule', 'draws', 'where'),
    [
        (None, None, True, ''),
        (Choice(where='app.py:1'), None, True, 'app.py:1'),
        (Choice(passes=True), None, False, ''),
        (Choice(ERROR, 'app.py:1', chance='seed'), PREPARED, False, 'app.py:1'),
    ],
)
def test_what_is_chosen(choice: Choice | None, rule: Rule | None, draws: bool, where: str) -> None:
    recording, record = Recording('redis', [], None, None, prepare, ProxyLog('redis')), make_record()
    assert recording.choose(Always(choice), Link(), record, b'get a') == (rule, draws)
    assert record.where == where


def test_what_cannot_be_applied_is_a_warning_and_the_request_passes(caplog: pytest.LogCaptureFixture) -> None:
    recording = Recording('redis', [], None, None, refuse, ProxyLog('redis'))
    assert recording.choose(Always(Choice(ERROR)), Link(), make_record(), b'get a') == (None, False)
    assert caplog.messages == ['proxy redis: what was chosen for GET a cannot be applied: no such error']
