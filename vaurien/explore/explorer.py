"""The exploration of one test: learn what it asks for, try each fault, judge what becomes of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from vaurien.explore.following import follow, pair
from vaurien.explore.judging import add_leak, describe, judge
from vaurien.explore.learning import MOST_RUNS, Learned, are_alike, learn
from vaurien.explore.model import Cell, Explored, Injection, Run, Runner
from vaurien.explore.planning import Candidate, plan
from vaurien.explore.pruning import Known, Pruning
from vaurien.explore.settings import ExploreSettings
from vaurien.explore.spoiling import is_suspicious, is_void


def explore(
    runner: Runner, settings: ExploreSettings, explored: Explored, known: Known | None = None
) -> Iterator[Cell]:
    """Try the faults that a test may meet, and yield what becomes of each.

    A cell comes a second time if it shows later that the fault has spoilt the test.

    All that is found out is in *explored*, which is up to date whenever a cell is yielded; what was not tried is there
    in the end, also if that comes early. *known* is what explorations of other tests have found out, and learns more.
    """
    learned = study(runner, settings, explored)
    if learned is None:
        return
    exploration = _Exploration(runner, settings, explored, learned, Pruning(known or Known(), settings))
    try:
        yield from exploration.run()
    finally:
        reason = exploration.find_end() or 'interrupted'
        explored.untried += [candidate.leave(candidate.objection or reason) for candidate in exploration.queue]


def study(runner: Runner, settings: ExploreSettings, explored: Explored) -> Learned | None:
    """Run a test clean until two runs in a row are alike, and put what they show into *explored*.

    Return None if it does not pass.
    """
    runs: list[Run] = []
    while len(runs) < MOST_RUNS and not (len(runs) > 1 and are_alike(*runs[-2:])):
        run = _run(runner, explored, limit=settings.limit)
        if not run.has_passed:
            explored.problem = f'it fails without a fault: {describe(run)}'
            return None
        runs.append(run)
    learned = learn(runs)
    explored.proxies = runner.proxies
    explored.points, explored.is_stable = learned.points, learned.is_stable
    explored.clean, explored.own = learned.clean.entries, learned.clean.own
    explored.times = [run.seconds for run in runs]
    return learned


def _run(runner: Runner, explored: Explored, *injections: Injection, limit: float | None) -> Run:
    run = runner.run(injections, limit)
    explored.runs += 1
    explored.seconds += run.seconds
    return run


class _Exploration:
    """What is left to try, and what the run before has left behind."""

    def __init__(
        self, runner: Runner, settings: ExploreSettings, explored: Explored, learned: Learned, pruning: Pruning
    ) -> None:
        self._runner = runner
        self._settings = settings
        self._explored = explored
        self._learned = learned
        self._pruning = pruning
        self._limit = settings.limit or learned.limit
        self._tried: list[tuple[Candidate, Cell]] = []
        #: The run before; None if it was a clean one.
        self._before: Run | None = None
        self._is_spoilt = False
        self.queue = deque(plan(learned, runner.proxies))

    def run(self) -> Iterator[Cell]:
        """Try what is in the queue, and what comes of it, as long as that makes sense."""
        yield from self._try_all()
        if self._settings.depth > 1:
            self.queue.extend(pair(self._tried))
            yield from self._try_all()
        if self._before is not None and not (clean := self._run()).has_passed:
            yield self._blame(clean)

    def find_end(self) -> str:
        """Return why nothing more is tried; nothing if there is no reason."""
        settings, explored = self._settings, self._explored
        if self._is_spoilt:
            return 'the test fails without a fault by now'
        is_spent = settings.max is not None and len(explored.cells) >= settings.max
        is_late = settings.seconds is not None and explored.seconds >= settings.seconds
        return 'out of budget' if is_spent or is_late else ''

    def _try_all(self) -> Iterator[Cell]:
        while self.queue and not self.find_end():
            candidate = self.queue[0]
            if objection := self._pruning.object(candidate):
                self._explored.untried.append(candidate.leave(objection))
                self.queue.popleft()
            else:
                yield from self._try(candidate)

    def _try(self, candidate: Candidate) -> Iterator[Cell]:
        """Try a fault, have a clean run behind it if need be, and note what becomes of it."""
        before = self._before
        run = self._run(*candidate.injections)
        cell = judge(self._runner.test, candidate, run, self._learned, self._settings)
        self.queue.popleft()  # not before: somebody may interrupt the run
        self._explored.cells.append(cell)
        if is_suspicious(run, cell) and not (clean := self._run()).has_passed:
            if is_void(run, clean, before):
                self._explored.cells.pop()
                yield self._blame(clean)
                self.queue.appendleft(candidate)
                self._recover()
                return
            if not run.hung:  # to end it has broken what a run needs
                cell = self._blame(clean)
            self._recover()
        self._tried.append((candidate, cell))
        self._pruning.note(candidate, cell)
        self.queue.extendleft(reversed(list(follow(candidate, cell, self._learned, self._runner.proxies))))
        yield cell

    def _run(self, *injections: Injection) -> Run:
        run = _run(self._runner, self._explored, *injections, limit=self._limit)
        self._before = run if injections else None
        return run

    def _blame(self, clean: Run) -> Cell:
        """Note, and return, that the fault tried last has the *clean* run behind it fail."""
        cells = self._explored.cells
        cells[-1] = add_leak(cells[-1], clean)
        return cells[-1]

    def _recover(self) -> None:
        """Find out whether the test passes once more, perhaps in a fresh process."""
        self._is_spoilt = not (self._run().has_passed or (self._runner.renew() and self._run().has_passed))
