"""Which faults are possible in a test, and in which order they are tried."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from vaurien.explore.learning import Learned
from vaurien.explore.model import CONNECTION, ExploredProxy, Injection, Point, Untried
from vaurien.explore.settings import ExploreSettings
from vaurien.explore.trying import list_trials
from vaurien.framing.meaning import Effect
from vaurien.framing.trials import CHANGING, Kind, Trial


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

    def leave(self, reason: str) -> Untried:
        """Return that it is not tried, for that *reason*."""
        return Untried(injection=self.first, also=self.injections[1:], reason=reason)

    @property
    def rank(self) -> int:
        """How early it is tried, from 0: what may do the most harm comes first, and what takes long comes last."""
        if self.first.kind in (Kind.SILENT, Kind.LATE):
            return 4
        if self.effect not in CHANGING:
            return 3
        return {Kind.LOST: 0, Kind.HALF: 1}.get(self.first.kind, 2)


def plan(learned: Learned, proxies: Sequence[ExploredProxy], settings: ExploreSettings) -> list[Candidate]:
    """Return all faults that are possible, in the order in which they are tried."""
    protocols = {proxy.name: proxy for proxy in proxies}
    loops = _find_loops(learned.points)
    candidates = [
        candidate
        for point in learned.points
        for trial in list_trials(protocols[point.proxy], point.request)
        if _suits(trial, point)
        for candidate in _vary(make_candidate(point, trial, _object(trial, point, settings)), point, loops[point])
    ]
    return sorted(candidates, key=lambda candidate: candidate.rank)


def make_candidate(point: Point, trial: Trial, objection: str = '') -> Candidate:
    """Return *trial* at *point*. On connections, it is for all of them: that a backend is down does not pass."""
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
    """Return *candidate* with its fault for ever."""
    lasting = msgspec.structs.replace(candidate.first, for_ever=True)
    return msgspec.structs.replace(candidate, injections=(lasting,))


def _suits(trial: Trial, point: Point) -> bool:
    """Return whether *trial* is possible at *point*. A late reply is not before the client's timeout is known."""
    if point.request == CONNECTION:
        return True
    if trial.kind is Kind.LATE or (trial.kind is Kind.HALF and not point.middle):
        return False
    return point.effect is not Effect.CONNECT if trial.effects is None else point.effect in trial.effects


def _object(trial: Trial, point: Point, settings: ExploreSettings) -> str:
    if settings.skips(point) or (settings.faults and trial.kind not in settings.faults):
        return 'left out by the settings'
    if trial.kind is Kind.LOST and point.effect not in CHANGING:
        return 'refused is the same where nothing is changed'
    return ''


def _find_loops(points: Sequence[Point]) -> dict[Point, list[Point]]:
    """Return, for each point, those that one line of the application makes with the same request: a loop."""
    loops: defaultdict[tuple[str, str, str], list[Point]] = defaultdict(list)
    for point in points:
        loops[point.proxy, point.request, point.where].append(point)
    return {point: loop for loop in loops.values() for point in loop}


def _vary(candidate: Candidate, point: Point, loop: Sequence[Point]) -> Iterator[Candidate]:
    """Yield *candidate*, with an objection in the middle of a loop, and behind the first of a loop all from there."""
    if point in loop[1:-1] and not candidate.objection:
        candidate = msgspec.structs.replace(candidate, objection='the first, the last and all of a loop are enough')
    yield candidate
    if len(loop) > 1 and point == loop[0] and candidate.first.kind is not Kind.SILENT:
        yield make_lasting(candidate)
