"""The exploration of one test: learn what it asks for, try each fault, judge what becomes of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from threading import Condition

from vaurien.explore.following import follow, pair
from vaurien.explore.judging import add_leak, describe, judge
from vaurien.explore.learning import MOST_RUNS, Learned, are_alike, learn
from vaurien.explore.model import Cell, Explored, Injection, Run, Runner, Untried
from vaurien.explore.planning import Candidate, plan
from vaurien.explore.pruning import Known, Pruning, may_spare
from vaurien.explore.settings import ExploreSettings
from vaurien.explore.spoiling import is_suspicious, is_void
from vaurien.explore.trust import explain


def explore(
    runner: Runner,
    settings: ExploreSettings,
    explored: Explored,
    known: Known | None = None,
    others: Sequence[Runner] = (),
) -> Iterator[Cell]:
    """Try the faults that a test may meet, and yield what becomes of each.

    A cell comes a second time if it shows later that the fault has spoilt the test.

    All that is found out is in *explored*, and what was not tried. It is up to date whenever a cell is yielded, as if
    somebody interrupted there. *known* is what explorations of other tests have found out, and learns more. *others*
    run the same test beside *runner*, each in a thread of its own.
    """
    learned = study(runner, settings, explored, others)
    if learned is None:
        return
    jobs = [_Job(each) for each in (runner, *others)]
    exploration = _Exploration(jobs, settings, explored, learned, Pruning(known or Known(), settings))
    try:
        for cell in exploration.run():
            exploration.leave('interrupted')
            yield cell
    finally:
        exploration.leave(exploration.find_end() or 'interrupted')


def study(
    runner: Runner, settings: ExploreSettings, explored: Explored, others: Sequence[Runner] = ()
) -> Learned | None:
    """Run a test clean until two runs in a row are alike, and put what they show into *explored*.

    *others* run it at the same time, as they do later. Return None if it does not pass.
    """
    runners = [runner, *others]
    runs: list[Run] = []
    while len(runs) < MOST_RUNS and not (len(runs) > 1 and are_alike(*runs[-2:])):
        for run in _run_together(runners, settings.limit):
            _count(explored, run)
            if not run.has_passed:
                together = f', {len(runners)} of it at a time' if others else ''
                reasons = [describe(run), explain(run.failure, runner.proxies)]
                explored.problem = f'it fails without a fault{together}: {"; ".join(filter(None, reasons))}'
                return None
            runs.append(run)
    learned = learn(runs)
    explored.proxies = runner.proxies
    explored.points, explored.is_stable = learned.points, learned.is_stable
    explored.clean, explored.own = learned.clean.entries, learned.clean.own
    explored.times = [run.seconds for run in runs]
    return learned


def _run_together(runners: Sequence[Runner], limit: float | None) -> Sequence[Run]:
    """Return a clean run of each of *runners*, which run at the same time."""
    if len(runners) == 1:  # perhaps one that runs in the main thread only
        return [runners[0].run((), limit)]
    with ThreadPoolExecutor(len(runners)) as threads:
        return list(threads.map(lambda runner: runner.run((), limit), runners))


def _count(explored: Explored, run: Run) -> None:
    explored.runs += 1
    explored.seconds += run.seconds


class _Job:
    """A runner, and what its run before has left behind."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        #: The run before; None if it was a clean one.
        self.before: Run | None = None
        #: What it has tried so far.
        self.cells: list[Cell] = []


class _Exploration:
    """What is left to try, by one job or by several at a time.

    Each job works in a thread of its own if there are several. `_turn` is held while anything changes, and free while a
    test runs.
    """

    def __init__(
        self, jobs: Sequence[_Job], settings: ExploreSettings, explored: Explored, learned: Learned, pruning: Pruning
    ) -> None:
        self._jobs = jobs
        self._settings = settings
        self._explored = explored
        self._learned = learned
        self._pruning = pruning
        self._limit = settings.limit or learned.limit
        self._tried: list[tuple[Candidate, Cell]] = []
        self._is_spoilt = False
        self._pruned: list[Untried] = []
        self._queue = deque(plan(learned, explored.proxies))
        self._turn = Condition()
        #: What the jobs are trying.
        self._going: dict[_Job, Candidate] = {}
        #: Whether a job has failed, or nobody wants to know more, so that all jobs end.
        self._is_over = False

    def run(self) -> Iterator[Cell]:
        """Try what is in the queue, and what comes of it, as long as that makes sense."""
        yield from self._share(self._try_all)
        if self._settings.depth > 1:
            self._queue.extend(pair(self._tried))
            yield from self._share(self._try_all)
        yield from self._share(self._end)

    def leave(self, reason: str) -> None:
        """Note that nothing of what is in the queue was tried, for that *reason* if there is no other one."""
        with self._turn:
            left = [*self._find_unfinished(), *self._queue]
            self._explored.untried = self._pruned + [each.leave(each.objection or reason) for each in left]

    def find_end(self) -> str:
        """Return why nothing more is tried; nothing if there is no reason."""
        settings, explored = self._settings, self._explored
        if self._is_spoilt:
            return 'the test fails without a fault by now'
        begun = len(explored.cells) + len(self._find_unfinished())
        is_spent = settings.max is not None and begun >= settings.max
        is_late = settings.seconds is not None and explored.seconds / len(self._jobs) >= settings.seconds
        return 'out of budget' if is_spent or is_late else ''

    def _share(self, work: Callable[[_Job], Iterator[Cell]]) -> Iterator[Cell]:
        """Yield the cells of the *work* of all jobs."""
        if len(self._jobs) == 1:
            yield from work(self._jobs[0])
            return
        cells: SimpleQueue[Cell | None] = SimpleQueue()

        def do(job: _Job) -> None:
            try:
                for cell in work(job):
                    cells.put(cell)
            except BaseException:
                self._is_over = True
                raise
            finally:
                with self._turn:
                    self._turn.notify_all()
                cells.put(None)

        with ThreadPoolExecutor(len(self._jobs)) as threads:
            working = [threads.submit(do, job) for job in self._jobs]
            try:
                for _ in working:
                    yield from iter(cells.get, None)
            except GeneratorExit:  # nobody wants to know more
                self._is_over = True
                raise
        for each in working:
            each.result()

    def _try_all(self, job: _Job) -> Iterator[Cell]:
        while candidate := self._take(job):
            yield from self._try(job, candidate)

    def _take(self, job: _Job) -> Candidate | None:
        """Return what *job* tries next; None if there is nothing more. This may wait for what others find out."""
        with self._turn:
            while not self._is_over and not self.find_end():
                for candidate in list(self._queue):
                    if objection := self._pruning.object(candidate):
                        self._pruned.append(candidate.leave(objection))
                        self._queue.remove(candidate)
                    elif not any(may_spare(candidate, other) for other in self._going.values()):
                        self._queue.remove(candidate)
                        self._going[job] = candidate
                        return candidate
                if not self._going:
                    break
                self._turn.wait()
        return None

    def _put_first(self, following: Sequence[Candidate]) -> None:
        """Try *following* next, but for what has been tried. What was planned for later anyway is tried once."""
        tried = {candidate.injections for candidate, _ in self._tried}
        following = [each for each in following if each.injections not in tried]
        sooner = {each.injections for each in following}
        later = [each for each in self._queue if each.injections not in sooner]
        self._queue = deque([*following, *later])

    def _find_unfinished(self) -> list[Candidate]:
        """Return what is being tried, and has no cell yet."""
        return [
            candidate
            for job, candidate in self._going.items()
            if not (job.cells and job.cells[-1].injections == candidate.injections)
        ]

    def _try(self, job: _Job, candidate: Candidate) -> Iterator[Cell]:
        """Try a fault, have a clean run behind it if need be, and note what becomes of it."""
        before = job.before
        run = self._run(job, *candidate.injections)
        cell = judge(job.runner.test, candidate, run, self._learned, self._settings)
        with self._turn:
            job.cells.append(cell)
            self._explored.cells.append(cell)
        if is_suspicious(run, cell) and not (clean := self._run(job)).has_passed:
            if is_void(run, clean, before):
                with self._turn:
                    self._explored.cells.remove(job.cells.pop())
                yield self._blame(job, clean)
                with self._turn:
                    self._queue.appendleft(self._going.pop(job))
                    self._turn.notify_all()
                self._recover(job)
                return
            if not run.hung:  # to end it has broken what a run needs
                cell = self._blame(job, clean)
            self._recover(job)
        with self._turn:
            self._tried.append((candidate, cell))
            self._pruning.note(candidate, cell)
            self._put_first(list(follow(candidate, cell, self._learned, self._explored.proxies)))
            del self._going[job]
            self._turn.notify_all()
        yield cell

    def _end(self, job: _Job) -> Iterator[Cell]:
        """See what the last fault has left behind."""
        if job.before is not None and not (clean := self._run(job)).has_passed:
            yield self._blame(job, clean)

    def _run(self, job: _Job, *injections: Injection) -> Run:
        run = job.runner.run(injections, self._limit)
        with self._turn:
            _count(self._explored, run)
        job.before = run if injections else None
        return run

    def _blame(self, job: _Job, clean: Run) -> Cell:
        """Note, and return, that the fault that *job* tried last has the *clean* run behind it fail."""
        with self._turn:
            cells, last = self._explored.cells, job.cells[-1]
            place = next(number for number, cell in enumerate(cells) if cell is last)
            job.cells[-1] = cells[place] = add_leak(last, clean)
            return job.cells[-1]

    def _recover(self, job: _Job) -> None:
        """Find out whether the test passes once more, perhaps in a fresh process."""
        if not (self._run(job).has_passed or (job.runner.renew() and self._run(job).has_passed)):
            self._is_spoilt = True
