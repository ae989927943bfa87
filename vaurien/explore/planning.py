"""Which faults are possible in a test, and in which order they are tried."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from vaurien.explore.learning import Learned
from vaurien.explore.model import CONNECTION, ExploredProxy, Injection, Point, Untried
from vaurien.explore.trying import list_trials
from vaurien.framing.meaning import Effect
from vaurien.framing.trials import CHANGING, Kind, Trial

#: The kinds for which a run takes as long as a client waits.
SLOW = frozenset({Kind.SILENT, Kind.LATE})

_IN_A_LOOP = 'the first, the last and all of a loop are enough'


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A fault that could be tried, or several together."""

    injections: tuple[Injection, ...]
    effect: Effect
    where: str = ''
    #: Why it need not be tried, as far as that is known beforehand; empty: it has to be.
    objection: str = ''

    @property
    def first(self) -> Injection:
        """The fault, or the first of several."""
        return self.injections[0]

    @property
    def rank(self) -> int:
        """How early it is tried, from 0: what may do the most harm comes first, and what takes long comes last."""
        if self.first.kind in SLOW:
            return 4
        if self.effect not in CHANGING:
            return 3
        return {Kind.LOST: 0, Kind.HALF: 1}.get(self.first.kind, 2)

    def leave(self, reason: str) -> Untried:
        """Return that it is not tried, for that *reason*."""
        return Untried(injection=self.first, also=self.injections[1:], reason=reason)


def plan(learned: Learned, proxies: Sequence[ExploredProxy]) -> list[Candidate]:
    """Return all faults that are possible, in the order in which they are tried."""
    by_name = {proxy.name: proxy for proxy in proxies}
    loops = find_loops(learned.points)
    middles = {point for loop in loops for point in loop[1:-1]}
    #: Where a fault for ever is another one: one that hits all of a loop, or of a class.
    repeated = {loop[0] for loop in loops if len(loop) > 1 or not learned.is_stable}
    candidates: list[Candidate] = []
    for point in learned.points:
        for trial in list_trials(by_name[point.proxy], point.request):
            if is_possible(trial, point):
                candidate = make_candidate(point, trial, _IN_A_LOOP if point in middles else '')
                candidates.append(candidate)
                if point in repeated and trial.kind not in SLOW and not candidate.first.for_ever:
                    candidates.append(make_lasting(candidate))
    return sorted(candidates, key=lambda candidate: candidate.rank)


def make_candidate(point: Point, trial: Trial, objection: str = '') -> Candidate:
    """Return *trial* at *point*. On connections it is for ever: a backend that is down is not up a moment later."""
    if trial.kind is Kind.LOST and point.effect not in CHANGING:
        objection = 'refused is the same where nothing is changed'
    injection = Injection(
        proxy=point.proxy,
        request=point.request,
        nth=point.nth,
        kind=trial.kind,
        detail=f'{point.middle} bytes' if trial.kind is Kind.HALF else trial.detail,
        for_ever=point.request == CONNECTION,
    )
    return Candidate(injections=(injection,), effect=point.effect, where=point.where, objection=objection)


def make_lasting(candidate: Candidate) -> Candidate:
    """Return *candidate* with its last fault for ever."""
    *others, last = candidate.injections
    lasting = msgspec.structs.replace(last, for_ever=True)
    return msgspec.structs.replace(candidate, injections=(*others, lasting))


def find_loops(points: Sequence[Point]) -> list[list[Point]]:
    """Return the *points* in groups: what one line of the application asks for again and again is one.

    Which COMMITs are the same is told by the requests before them, too: not everybody knows the line.
    """
    loops: defaultdict[tuple[str, ...], list[Point]] = defaultdict(list)
    before: dict[str, str] = {}
    for point in points:
        committed = before.get(point.proxy, '') if point.effect is Effect.COMMIT else ''
        loops[point.proxy, point.request, point.where, committed].append(point)
        before[point.proxy] = point.request
    return list(loops.values())


def is_possible(trial: Trial, point: Point) -> bool:
    """Return whether *trial* is possible at *point*. A late reply is not before the client's timeout is known."""
    if point.request == CONNECTION:
        return True
    if trial.kind is Kind.LATE or (trial.kind is Kind.HALF and not point.middle):
        return False
    return trial.suits(point.request, point.effect)
