"""What becomes worth trying once it is known what a fault does: late replies, faults of retries, pairs of faults."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import msgspec

from vaurien.explore.learning import Learned, find_points
from vaurien.explore.model import CONNECTION, Cell, ExploredProxy, Injection, Outcome, Point
from vaurien.explore.planning import SLOW, Candidate, is_possible, make_candidate, make_lasting
from vaurien.explore.trying import list_trials
from vaurien.framing.meaning import Effect
from vaurien.framing.trials import Kind

#: How late a reply is, in parts of what the client's timeout seems to be: just below, and just above.
BELOW, ABOVE = 0.8, 1.2
#: The shortest timeout at which that makes a difference, in seconds.
SHORTEST = 0.02


def follow(candidate: Candidate, cell: Cell, learned: Learned, proxies: Sequence[ExploredProxy]) -> Iterator[Candidate]:
    """Yield what *cell*, in which *candidate* was tried, makes worth trying."""
    first = candidate.first
    if Outcome.NOT_HIT in cell.outcomes or len(candidate.injections) > 1:
        return
    if first.kind is Kind.SILENT and first.request != CONNECTION:
        yield from _try_late(candidate, cell, learned)
    elif first.kind not in SLOW and not first.for_ever and (point := _find_new(cell, learned)):
        yield from _try_again(candidate, point, proxies)


def pair(tried: Sequence[tuple[Candidate, Cell]]) -> Iterator[Candidate]:
    """Yield pairs of the faults that had an impact, and that the test survived."""
    of_impact = [
        candidate
        for candidate, cell in tried
        if cell.worst in (Outcome.DECLARED, Outcome.RETRIED)
        and len(candidate.injections) == 1
        and candidate.first.kind not in SLOW
        and not candidate.first.for_ever
    ]
    for one, other in combinations(of_impact, 2):
        if _find_place(one.first) != _find_place(other.first):
            yield _join(one, other.first)


def find_timeout(cell: Cell, quickest: float) -> float | None:
    """Return how long the application waited for the reply that never came; None if it did not give up, or at once.

    *quickest* is what a clean run takes at least, in seconds.
    """
    if Outcome.HUNG in cell.outcomes:
        return None
    entries = iter(cell.entries)
    silent = next((entry for entry in entries if entry.behavior is not None), None)
    later = next((entry for entry in entries if silent is not None and entry.time > silent.time), None)
    waited = later.time - silent.time if silent and later else cell.seconds - quickest
    return waited if waited >= SHORTEST else None


def _try_late(candidate: Candidate, cell: Cell, learned: Learned) -> Iterator[Candidate]:
    """Yield replies that come just before the client gives up, and just behind."""
    timeout = find_timeout(cell, learned.quickest)
    objection = 'no timeout was seen' if timeout is None else ''
    for part in (BELOW, ABOVE):
        detail = '' if timeout is None else f'{part * timeout:.2g}s'
        late = msgspec.structs.replace(candidate.first, kind=Kind.LATE, detail=detail)
        yield msgspec.structs.replace(candidate, injections=(late,), objection=objection)


def _try_again(candidate: Candidate, point: Point, proxies: Sequence[ExploredProxy]) -> Iterator[Candidate]:
    """Yield the same fault once more, at a *point* that came because of it, and for ever."""
    again = _find_same(candidate.first, point, proxies)
    if again is not None:
        twice = _join(candidate, again)
        yield twice
        yield make_lasting(candidate if _is_retry(point, candidate.first) else twice)


def _find_new(cell: Cell, learned: Learned) -> Point | None:
    """Return the first request that came under the fault only: a retry if there is one, or else a fallback."""
    if not learned.is_stable:
        return None
    usual = {(point.proxy, point.request, point.nth) for point in learned.points}
    new = [
        point
        for point in find_points(cell.entries)
        if (point.proxy, point.request, point.nth) not in usual
        and point.effect is not Effect.ROLLBACK  # which is no more than to clean up
    ]
    return min(new, key=lambda point: not _is_retry(point, cell.injections[0]), default=None)


def _find_same(injection: Injection, point: Point, proxies: Sequence[ExploredProxy]) -> Injection | None:
    """Return the fault at *point* that is most like *injection*; None if there is none of its kind."""
    proxy = next(proxy for proxy in proxies if proxy.name == point.proxy)
    trials = [trial for trial in list_trials(proxy, point.request) if trial.kind is injection.kind]
    possible = [make_candidate(point, trial).first for trial in trials if is_possible(trial, point)]
    return min(possible, key=lambda one: one.detail != injection.detail, default=None)


def _is_retry(point: Point, injection: Injection) -> bool:
    return (point.proxy, point.request) == (injection.proxy, injection.request)


def _join(candidate: Candidate, other: Injection) -> Candidate:
    return msgspec.structs.replace(candidate, injections=(candidate.first, other))


def _find_place(injection: Injection) -> tuple[str, str, int]:
    return injection.proxy, injection.request, injection.nth
