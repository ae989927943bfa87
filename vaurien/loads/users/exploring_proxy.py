"""A proxy that tries faults under load: one on each fourth hit, while all others go on as they always do."""

from __future__ import annotations

import shlex
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from itertools import count
from statistics import median
from time import monotonic
from typing import TYPE_CHECKING

import gevent
import msgspec
from gevent.pool import Group

from vaurien.engine.chooser import Choice
from vaurien.engine.proxy import ProxyServer
from vaurien.errors import ConfigError
from vaurien.explore.aiming import Aim
from vaurien.explore.judging import judge
from vaurien.explore.learning import Learned, learn
from vaurien.explore.masking import MaskingHash
from vaurien.explore.model import (
    CONNECTION,
    SEVERITY,
    Cell,
    Explored,
    ExploredProxy,
    Failure,
    Injection,
    ReplayCommand,
    Run,
)
from vaurien.explore.planning import Candidate, plan
from vaurien.explore.replaying import find_candidate
from vaurien.explore.settings import ExploreSettings
from vaurien.explore.trying import find_behavior
from vaurien.explore.watching import Requester, Take
from vaurien.framing.trials import Kind
from vaurien.loads.stats import Outcome, TestStats
from vaurien.loads.users.fault_proxy import FaultProxy
from vaurien.records.entry import Entry
from vaurien.records.observer import ObservedLink
from vaurien.rules.behaviors import make_rules
from vaurien.settings import Settings

if TYPE_CHECKING:
    from vaurien.loads.plan import Plan
    from vaurien.loads.users.connections import Connections

#: How many hits without a fault there have to be before any is tried.
LEARNT = 8
#: One hit in so many has a fault.
SHARE = 4
#: How many hits are enough to see what becomes of one fault.
REPLAYED = 40
#: The most hits with one fault of which all is kept until the end, and the most times of hits without one.
KEPT = 20
TIMES = 10_000


def _list_words(plan: Plan) -> Iterator[str]:
    """Yield the words of a command that runs the test as *plan* has it, but for a while only."""
    yield from ('loads-runner', plan.test)
    for flag, value in (('--server-url', plan.server_url), ('--test-runner', plan.test_runner)):
        if value:
            yield from (flag, value)
    yield from ('--vaurien', shlex.join(plan.vaurien), '--hits', str(REPLAYED), '--explore', 'tried-again')


class _Hit:
    """A hit, and what it does at the proxy."""

    def __init__(self, candidate: Candidate | None, proxy: ExploredProxy) -> None:
        self.candidate = candidate
        injections = candidate.injections if candidate else ()
        self._aim = Aim(injections)
        rules = {each: make_rules(find_behavior(each, proxy))[0] for each in injections}
        self.take = Take(proxy.name, self._aim, rules, count())
        self._began = monotonic()
        self.is_hung = False
        self.run: Run | None = None

    def end(self, failure: Failure | None) -> Run:
        """Note how it has ended, and return that. Exchanges that are over later are still added to what it takes."""
        self.run = Run(seconds=monotonic() - self._began, failure=failure, hung=self.is_hung, hit=self._aim.has_hit)
        return self.run

    def make_run(self) -> Run:
        """Return all of it."""
        assert self.run is not None
        self.run.entries = [entry for _, entry in sorted(self.take.entries, key=lambda each: each[0])]
        return self.run


class ExploringProxy(FaultProxy):
    """A proxy that learns from the first hits what a hit asks for, and then tries faults."""

    def __init__(self, plan: Plan, stats: TestStats, connections: Connections) -> None:
        """Prepare the proxy that the plan describes. Raise `ConfigError` if it describes none."""
        self._faults = [Injection.parse(plan.explore_fault)] if plan.explore_fault else []
        super().__init__(plan, stats, connections)
        settings = self._server.settings
        self._explored = Explored(
            test=plan.test or plan.test_runner,
            replay=ReplayCommand(before=tuple(_list_words(plan)), flag='--explore-fault'),
            proxies=[ExploredProxy.of(settings.protocol, settings)],
        )
        self._learned: Learned | None = None
        #: The candidates, the next one first.
        self._queue: deque[Candidate] = deque()
        self._left: list[Candidate] = []
        self._hits: dict[int, _Hit] = {}
        #: The hits that have made the requests whose exchanges are not over.
        self._asked: dict[tuple[int, int], _Hit] = {}
        self._clean: list[_Hit] = []
        self._times: list[float] = []
        self._faulty: dict[Candidate, list[_Hit]] = {}
        self._faulty_times: dict[Candidate, list[float]] = {}
        self._hung: Counter[Kind] = Counter()
        self._begun = 0
        self._alarms = Group()

    def _make_server(self, settings: Settings) -> ProxyServer:
        for fault in self._faults:
            if fault.proxy != settings.protocol:
                raise ConfigError(f'the proxy is called {settings.protocol}, and not {fault.proxy}', 'explore-fault')
        return ProxyServer(settings, self, self, MaskingHash)

    # What users report

    def begin_hit(self, user: int) -> None:
        super().begin_hit(user)
        self._begun += 1
        candidate = self._choose_candidate() if self._learned and self._begun % SHARE == 0 else None
        self._hits[user] = hit = _Hit(candidate, self._explored.proxies[0])
        if candidate is not None and self._learned is not None:
            limit = self._learned.limit
            self._alarms.start(gevent.Greenlet.spawn_later(limit, self._cut, hit))

    def end_hit(self, user: int, outcome: Outcome, failure: Failure | None) -> None:
        super().end_hit(user, outcome, failure)
        hit = self._hits.pop(user)
        run = hit.end(failure)
        if hit.candidate is None:
            if outcome == 'success':
                self._note_clean(hit, run.seconds)
        elif run.hit:
            self._note_faulty(hit.candidate, hit, run.seconds)

    def cut_hit(self, user: int) -> None:
        super().cut_hit(user)
        del self._hits[user]

    def _note_clean(self, hit: _Hit, seconds: float) -> None:
        if len(self._times) < TIMES:
            self._times.append(seconds)
        if self._learned is None:
            self._clean.append(hit)
            if len(self._clean) >= LEARNT:
                self._learn()

    def _note_faulty(self, candidate: Candidate, hit: _Hit, seconds: float) -> None:
        self._faulty_times.setdefault(candidate, []).append(seconds)
        kept = self._faulty.setdefault(candidate, [])
        if len(kept) < KEPT:
            kept.append(hit)
        if hit.is_hung:
            self._hung[candidate.first.kind] += 1

    def _learn(self) -> None:
        self._learned = learned = learn([hit.make_run() for hit in self._clean])
        explored = self._explored
        explored.points, explored.is_stable = learned.points, learned.is_stable
        explored.clean = learned.clean.entries
        if self._faults:
            self._queue.append(find_candidate(self._faults, learned))
            return
        for candidate in plan(learned, explored.proxies):
            if candidate.objection or candidate.first.request == CONNECTION:
                self._left.append(candidate)
            else:
                self._queue.append(candidate)

    def _choose_candidate(self) -> Candidate | None:
        """Return the next one in turn. After a hit that hung, no other one has a fault of that kind."""
        for _ in range(len(self._queue)):
            self._queue.rotate(-1)
            candidate = self._queue[-1]
            if not self._hung[candidate.first.kind]:
                return candidate
        return None

    def _cut(self, hit: _Hit) -> None:
        """Cut the links on which a hit waits that hangs, so that its user goes on."""
        if hit.run is None:
            hit.is_hung = True
            for number in self._server.links.keys() & hit.take.waiting:
                self._server.links[number].close()

    # What the proxy asks and reports

    def choose(self, link: ObservedLink, exchange: int, text: str, nth: int, request: bytes) -> Choice | None:
        """Choose the fault of the hit that has sent a request."""
        user = self._connections.find(self._ports.get(link.number, 0))
        hit = None if user is None else self._hits.get(user)
        if hit is None:
            return None
        self._asked[link.number, exchange] = hit
        return hit.take.count(link.number, exchange, text, Requester(is_own=False))

    def on_exchange(self, entry: Entry) -> None:
        hit = self._asked.pop((entry.link, entry.exchange), None)
        if hit is not None:
            hit.take.keep(msgspec.structs.replace(entry, proxy=self._explored.proxies[0].name))

    # What is made of it

    def conclude(self) -> Explored:
        """Return what was found out."""
        self._alarms.kill()
        explored = self._explored
        if self._learned is None:
            explored.problem = f'there were only {len(self._clean)} hits without a fault that succeeded'
            return explored
        explored.times = self._times
        explored.cells = list(self._judge_all(self._learned))
        explored.runs = self._begun
        tried = set(self._faulty)
        left = [candidate for candidate in self._queue if candidate not in tried]
        explored.untried = [
            *(one.leave(one.objection or 'connections outlive hits') for one in self._left),
            *(one.leave('there were not enough hits') for one in left),
        ]
        return explored

    def _judge_all(self, learned: Learned) -> Iterator[Cell]:
        for candidate, hits in self._faulty.items():
            cells = [self._judge(candidate, hit, learned) for hit in hits]
            worst = min(cells, key=lambda cell: SEVERITY.index(cell.worst))
            times: Sequence[float] = self._faulty_times[candidate]
            yield msgspec.structs.replace(
                worst,
                outcomes=frozenset(outcome for cell in cells for outcome in cell.outcomes),
                seconds=median(times),
                times=times,
            )

    def _judge(self, candidate: Candidate, hit: _Hit, learned: Learned) -> Cell:
        return judge(self._explored.test, candidate, hit.make_run(), learned, ExploreSettings())
