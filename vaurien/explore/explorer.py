"""The exploration of one test: learn what it asks for, try each fault, judge what becomes of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from vaurien.explore.following import follow, pair
from vaurien.explore.judging import describe_failure, judge
from vaurien.explore.learning import MOST_RUNS, Learned, are_alike, learn
from vaurien.explore.model import Cell, Explored, Injection, Outcome, Run, Runner
from vaurien.explore.planning import Candidate, plan
from vaurien.explore.pruning import Known, Pruning
from vaurien.explore.settings import ExploreSettings

#: How long a run may take where the settings do not say so: so many times what a clean run takes, and seconds more.
LIMIT_FACTOR, LIMIT_MORE = 10, 5.0

#: Behind which outcomes a clean run shows whether the test is as it was before.
_SUSPICIOUS = frozenset({Outcome.WRONG, Outcome.HUNG, Outcome.STORM})


def explore(
    runner: Runner, settings: ExploreSettings, explored: Explored, known: Known | None = None
) -> Iterator[Cell]:
    """Try the faults that a test may meet, and yield what becomes of each.

    All that is found out is in *explored*, also if this ends early: it is up to date whenever a cell is yielded, and
    has what was not tried in the end. *known* is what explorations of other tests have found out, and learns more.
    """
    exploration = _Exploration(runner, settings, explored, Pruning(known or Known()))
    learned = exploration.learn()
    if learned is None:
        return
    queue = deque(plan(learned, runner.proxies, settings))
    reason = 'interrupted'
    try:
        yield from exploration.try_all(queue, learned)
        reason = 'out of budget'
    finally:
        explored.untried += [candidate.leave(candidate.objection or reason) for candidate in queue]


class _Exploration:
    def __init__(self, runner: Runner, settings: ExploreSettings, explored: Explored, pruning: Pruning) -> None:
        self._runner = runner
        self._settings = settings
        self._explored = explored
        self._pruning = pruning
        self._tried: list[tuple[Candidate, Cell]] = []

    def learn(self) -> Learned | None:
        """Run the test clean until two runs in a row are alike; return None if it does not pass."""
        runs: list[Run] = []
        while len(runs) < MOST_RUNS and not (len(runs) > 1 and are_alike(*runs[-2:])):
            run = self._run((), self._settings.limit)
            if run.failure is not None or run.hung:
                self._explored.problem = f'it fails without a fault: {_describe(run)}'
                return None
            runs.append(run)
        learned = learn(runs)
        explored = self._explored
        explored.proxies = self._runner.proxies
        explored.points, explored.is_stable = learned.points, learned.is_stable
        explored.clean, explored.own = learned.clean.entries, learned.clean.own
        return learned

    def try_all(self, queue: deque[Candidate], learned: Learned) -> Iterator[Cell]:
        """Try what is in *queue*, and what comes of it, until the budget is spent; leave there what is not tried."""
        limit = self._settings.limit or LIMIT_FACTOR * learned.seconds + LIMIT_MORE
        deepens = self._settings.depth > 1
        while queue and not self._is_spent():
            candidate = queue.popleft()
            if objection := self._pruning.object(candidate):
                self._explored.untried.append(candidate.leave(objection))
            else:
                run = self._run(candidate.injections, limit)
                cell = judge(self._runner.test, candidate, run, learned, self._settings)
                if cell.outcomes & _SUSPICIOUS:
                    self._run((), limit)
                self._explored.cells.append(cell)
                self._pruning.note(candidate, cell)
                self._tried.append((candidate, cell))
                queue.extendleft(reversed(list(follow(candidate, cell, learned))))
                yield cell
            if not queue and deepens:
                deepens = False
                queue.extend(pair(self._tried))

    def _run(self, injections: tuple[Injection, ...], limit: float | None) -> Run:
        run = self._runner.run(injections, limit)
        self._explored.runs += 1
        self._explored.seconds += run.seconds
        return run

    def _is_spent(self) -> bool:
        settings, explored = self._settings, self._explored
        return (settings.max is not None and len(explored.cells) >= settings.max) or (
            settings.seconds is not None and explored.seconds >= settings.seconds
        )


def _describe(run: Run) -> str:
    return describe_failure(run.failure) if run.failure else f'it is not over within {run.seconds:.1f} s'
