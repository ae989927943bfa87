"""What becomes worth trying once it is known what a fault does: late replies, faults of retries, pairs of faults."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import msgspec

from vaurien.explore.learning import Learned, find_points
from vaurien.explore.model import CONNECTION, Cell, Injection, Outcome, Point
from vaurien.explore.planning import Candidate, make_lasting
from vaurien.framing.meaning import Effect
from vaurien.framing.trials import Kind

#: How late a reply is, in parts of what the client's timeout seems to be: just below, and just above.
BELOW, ABOVE = 0.8, 1.2
#: The shortest timeout at which that makes a difference, in seconds.
SHORTEST = 0.02

#: The kinds for which a run takes as long as a client waits.
_SLOW = (Kind.SILENT, Kind.LATE)


def follow(candidate: Candidate, cell: Cell, learned: Learned) -> Iterator[Candidate]:
    """Yield what *cell*, in which *candidate* was tried, makes worth trying."""
    if Outcome.NOT_HIT in cell.outcomes or len(candidate.injections) > 1:
        return
    if candidate.first.kind is Kind.SILENT and candidate.first.request != CONNECTION:
        yield from _try_late(candidate, cell, learned)
    elif not candidate.first.for_ever and candidate.first.kind not in _SLOW and learned.is_stable:
        for point in _find_new(cell, learned):
            yield msgspec.structs.replace(candidate, injections=(candidate.first, _aim(candidate.first, point)))
            if point.request != candidate.first.request:
                lasting = msgspec.structs.replace(_aim(candidate.first, point), for_ever=True)
                yield msgspec.structs.replace(candidate, injections=(candidate.first, lasting))
        if Outcome.RETRIED in cell.outcomes:
            yield make_lasting(candidate)


def pair(tried: Sequence[tuple[Candidate, Cell]]) -> Iterator[Candidate]:
    """Yield pairs of the faults that had an impact, and that the test survived."""
    of_impact = [
        candidate
        for candidate, cell in tried
        if len(cell.injections) == 1
        and cell.worst in (Outcome.DECLARED, Outcome.RETRIED)
        and not candidate.first.for_ever
        and candidate.first.kind not in _SLOW
    ]
    for one, other in combinations(of_impact, 2):
        if _place(one.first) != _place(other.first):
            yield msgspec.structs.replace(one, injections=(one.first, other.first))


def find_timeout(cell: Cell, clean_seconds: float) -> float | None:
    """Return how long the application waited for the reply that never came; None if it did not give up."""
    if Outcome.HUNG in cell.outcomes:
        return None
    entries = iter(cell.entries)
    silent = next((entry for entry in entries if entry.behavior is not None), None)
    later = next((entry for entry in entries if silent is not None and entry.time > silent.time), None)
    waited = later.time - silent.time if silent and later else cell.seconds - clean_seconds
    return waited if waited >= SHORTEST else None


def _try_late(candidate: Candidate, cell: Cell, learned: Learned) -> Iterator[Candidate]:
    timeout = find_timeout(cell, learned.clean.seconds)
    details = ['', ''] if timeout is None else [f'{part * timeout:.2g}s' for part in (BELOW, ABOVE)]
    objection = 'no timeout was seen' if timeout is None else ''
    for detail in dict.fromkeys(details):
        late = msgspec.structs.replace(candidate.first, kind=Kind.LATE, detail=detail)
        yield msgspec.structs.replace(candidate, injections=(late,), objection=objection)


def _find_new(cell: Cell, learned: Learned) -> Iterator[Point]:
    """Yield the first of each request that came under the fault only: a retry, or a fallback."""
    usual = {(point.proxy, point.request, point.nth) for point in learned.points}
    seen: set[tuple[str, str]] = set()
    for point in find_points(cell.entries):
        name = point.proxy, point.request
        is_setup = point.effect in (Effect.CONNECT, Effect.ROLLBACK)
        if not is_setup and name not in seen and (*name, point.nth) not in usual:
            seen.add(name)
            yield point


def _aim(injection: Injection, point: Point) -> Injection:
    """Return the same fault at another *point*."""
    return msgspec.structs.replace(injection, proxy=point.proxy, request=point.request, nth=point.nth)


def _place(injection: Injection) -> tuple[str, str, int]:
    return injection.proxy, injection.request, injection.nth
