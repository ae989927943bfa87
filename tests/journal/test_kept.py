"""The last exchanges: which of them are found, by whom."""

from __future__ import annotations

import gevent
import pytest
from gevent.pool import Pool

from tests.journal.entries import make_entry
from tests.loop import in_loop
from tests.servers import TIMEOUT
from vaurien.journal.kept import KeptEntries
from vaurien.records.page import KEPT, JournalPage


def keep(count: int) -> KeptEntries:
    """The exchanges 1 to *count*: the odd ones are of ``redis``, the even ones of ``http``."""
    kept = KeptEntries()
    for nth in range(1, count + 1):
        kept.add(make_entry(nth=nth, proxy='redis' if nth % 2 else 'http'))
    return kept


def numbers(page: JournalPage) -> list[int]:
    return [entry.nth for entry in page.entries]


@pytest.mark.parametrize(
    ('since', 'limit', 'proxy', 'found', 'last'),
    [
        (None, KEPT, '', [1, 2, 3, 4, 5], 5),
        (None, 2, '', [4, 5], 5),
        (0, 2, '', [1, 2], 2),
        (2, 2, '', [3, 4], 4),
        (3, 2, '', [4, 5], 5),
        (4, 2, '', [5], 5),
        (5, 2, '', [], 5),
        (9, KEPT, '', [1, 2, 3, 4, 5], 5),
        (None, 2, 'redis', [3, 5], 5),
        (0, 2, 'redis', [1, 3], 3),
        (3, 2, 'http', [4], 5),
        (None, KEPT, 'other', [], 5),
    ],
)
def test_what_is_found(since: int | None, limit: int, proxy: str, found: list[int], last: int) -> None:
    page = keep(5).find(since, limit, proxy)
    assert (numbers(page), page.last, page.lost) == (found, last, 0)


def test_only_the_last_are_kept() -> None:
    kept = keep(KEPT + 5)
    assert numbers(kept.find()) == list(range(6, KEPT + 6))
    page = kept.find(2, 1)
    assert (numbers(page), page.last, page.lost) == ([6], 6, 3)
    assert kept.find(5).lost == 0


def test_nothing_is_found_before_anything_was_kept() -> None:
    for since in (None, 0, 7):
        assert KeptEntries().find(since) == JournalPage([], 0, 0)


def test_who_waits_is_woken() -> None:
    def wait() -> tuple[bool, bool]:
        kept = keep(1)
        pool = Pool()
        waiting = pool.spawn(kept.wait, TIMEOUT)
        gevent.sleep(0)
        kept.add(make_entry())
        return bool(waiting.get(timeout=TIMEOUT)), kept.wait(0.001)

    assert in_loop(wait) == (True, False)
