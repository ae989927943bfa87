"""When memory is returned, with a timer that the test fires; and that it is."""

from __future__ import annotations

import os
from typing import Any

import gevent
import pytest

from benchmarks.measure import resident_kib
from tests.engine.test_idle import FakeLoop
from vaurien.engine.memory import MemoryWatch, trim

KIB = 1024


class FakeProxy:
    """A proxy with that many links, open and in all."""

    def __init__(self) -> None:
        self.links_total = 0
        self.links: list[Any] = []


def test_it_is_returned_once_when_all_links_have_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    spawned: list[Any] = []
    pool = type('Pool', (), {'spawn': staticmethod(spawned.append)})
    monkeypatch.setattr(gevent, 'get_hub', lambda: type('Hub', (), {'threadpool': pool}))
    loop, proxies = FakeLoop(), [FakeProxy(), FakeProxy()]
    watch = MemoryWatch(loop, lambda: proxies)
    loop.last.fire()
    assert spawned == []  # there was no link yet
    proxies[0].links_total, proxies[0].links = 1, [object()]
    loop.last.fire()
    assert spawned == []  # it is open
    proxies[0].links = []
    loop.last.fire()
    loop.last.fire()
    assert spawned == [trim]
    proxies[1].links_total = 1  # it came and went
    loop.last.fire()
    assert spawned == [trim] * 2
    watch.stop()
    assert loop.last.is_closed


def test_gaps_in_the_heap_are_returned() -> None:
    """Between what was held lie small things that stay, such as the faults that are remembered."""
    held, stays = [], []
    for _ in range(400):
        held.append(bytes(64 * KIB))
        stays.append(bytes(KIB))
    held.clear()
    before = resident_kib(os.getpid())
    trim()
    assert before - resident_kib(os.getpid()) > 400 * 64 // 2
    assert len(stays) == 400
