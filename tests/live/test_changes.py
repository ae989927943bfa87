"""The changes that are kept."""

from __future__ import annotations

import pytest
from msgspec import Raw

from vaurien.live import changes
from vaurien.live.changes import Changes
from vaurien.live.events import KEPT, ChangeEvent

NOW = 1e9


def change(time: float, text: str, proxy: str | None = 'redis', *, is_gone: bool = False) -> ChangeEvent:
    state = None if is_gone or proxy is None else Raw(b'{}')
    return ChangeEvent(time=time, proxy=proxy, what='behavior', by='api', text=text, state=state)


def texts(kept: Changes, now: float = NOW, proxy: str = '') -> list[str]:
    return [change.text for change in kept.find(now, proxy)]


def test_of_those_before_the_last_one_of_each_proxy_stays() -> None:
    kept = Changes()
    for age, text in (3, 'a'), (2, 'b'), (1, 'c'):
        kept.add(change(NOW - KEPT - age, text))
    kept.add(change(NOW - KEPT - 0.5, 'other', 'http'))
    kept.add(change(NOW, 'd'))
    assert texts(kept) == ['c', 'other', 'd']
    assert texts(kept, proxy='redis') == ['c', 'd']


def test_of_a_proxy_that_is_gone_nothing_stays() -> None:
    kept = Changes()
    kept.add(change(NOW, 'a'))
    kept.add(change(NOW, 'b', is_gone=True))
    assert texts(kept, NOW + KEPT + 1) == []


def test_the_schedule_is_for_all() -> None:
    kept = Changes()
    kept.add(change(NOW, 'started', None))
    assert texts(kept, proxy='redis') == ['started']
    assert texts(kept, NOW + KEPT + 1) == []


def test_there_are_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, 'MOST', 2)
    kept = Changes()
    for text in 'abcd':
        kept.add(change(NOW, text))
    assert texts(kept) == ['b', 'c', 'd']
