"""Applications that are simulated: what they ask for, what they do about a fault, and a clock that only they move."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from vaurien.explore.aiming import Aim
from vaurien.explore.masking import MaskingHash
from vaurien.explore.model import CONNECTION, ExploredProxy, Failure, Injection, Run, list_kinds
from vaurien.framing.meaning import Effect, ReplyClass, TransactionState
from vaurien.framing.trials import Kind
from vaurien.records.entry import Entry

#: How long an exchange takes, and how long a client waits that never gives up, in seconds.
TICK, FOR_EVER = 0.001, float('inf')


def make_entry(request: str, **fields: Any) -> Entry:
    """Return an exchange of an application, as it usually is."""
    usual = {'time': 0.0, 'proxy': 'api', 'link': 1, 'exchange': 2, 'nth': 1, 'effect': Effect.READ}
    return Entry(request=request, **{**usual, 'reply': ReplyClass.OK, 'digest': request, **fields})


def run_of(*entries: Entry, **fields: Any) -> Run:
    """Return a run in which those exchanges have come."""
    return Run(seconds=0.1, entries=entries, **fields)


_EFFECTS = {'POST': Effect.WRITE, 'INSERT': Effect.WRITE, 'INCR': Effect.WRITE, 'SET': Effect.WRITE}
_EFFECTS |= {'BEGIN': Effect.BEGIN, 'COMMIT': Effect.COMMIT, 'ROLLBACK': Effect.ROLLBACK, 'PING': Effect.CONNECT}


class Broken(ConnectionError):
    """The connection was cut."""


class Refusal(Exception):
    """The backend said no."""


class Unavailable(Exception):
    """The application said that it cannot do it now."""


class Status(AssertionError):
    """A test that has asserted on a status."""

    def __init__(self, status: int) -> None:
        super().__init__(f'assert {status} == 200')
        self.status = status


class Hung(BaseException):
    """The run was ended from outside."""


class Wire:
    """What stands between a simulated application and its backends in one run."""

    def __init__(self, aim: Aim, limit: float, faults: Sequence[str] = ()) -> None:
        self.aim = aim
        #: The faults of this run.
        self.faults = faults
        self.limit = limit
        self.now = 0.0
        self.entries: list[Entry] = []
        self.left_open: list[str] = []
        self.link = 1
        self._counts: Counter[tuple[str, str]] = Counter()

    def sleep(self, seconds: float) -> None:
        """Let time pass, up to the limit of the run."""
        self.now += seconds
        if self.now > self.limit:
            self.now = self.limit
            raise Hung

    def ask(
        self,
        proxy: str,
        request: str,
        *,
        timeout: float = FOR_EVER,
        where: str = '',
        body: str = '',
        reply: ReplyClass = ReplyClass.OK,
        transaction: TransactionState | None = None,
        key: str = '',
        repeatable: bool = False,
        middle: int = 50,
        exchange: int = 2,
    ) -> None:
        """Make a request, and wait for its reply; raise what a driver would."""
        if exchange == 1 and self.aim.meet(proxy, CONNECTION):
            raise Broken('no connection')
        self._counts[proxy, request] += 1
        begun, link = self.now, self.link
        met = self.aim.meet(proxy, request)
        digest = MaskingHash()
        digest.update(f'{request}\n{body}'.encode())

        def note(*, executed: bool = True, answer: ReplyClass | None = reply) -> None:
            self.entries.append(
                Entry(
                    time=begun,
                    proxy=proxy,
                    link=link,
                    exchange=exchange,
                    request=request,
                    nth=self._counts[proxy, request],
                    effect=_EFFECTS.get(request.split()[0], Effect.READ),
                    repeatable=repeatable,
                    key=key,
                    reply=answer,
                    transaction=transaction if answer else None,
                    executed=executed,
                    seconds=self.now - begun if answer else None,
                    middle=middle,
                    digest=digest.hexdigest(),
                    where=where,
                    behavior=met.kind.value if met else None,
                )
            )

        if met is None:
            self.sleep(TICK)
            return note()
        try:
            self._fail(met, timeout)
        finally:
            answer = {Kind.NO: ReplyClass.ERROR, Kind.LATE: reply}.get(met.kind)
            note(executed=met.kind not in (Kind.REFUSED, Kind.SILENT, Kind.NO), answer=answer)
        return None

    def _fail(self, met: Injection, timeout: float) -> None:
        wait = float(met.detail.rstrip('s')) if met.kind is Kind.LATE else TICK
        wait = FOR_EVER if met.kind is Kind.SILENT else wait
        self.sleep(min(wait, timeout))
        if wait > timeout:
            self.link += 1
            raise TimeoutError('timed out')
        if met.kind is Kind.NO:
            raise Refusal(met.detail)
        if met.kind is not Kind.LATE:
            self.link += 1
            raise Broken(met.kind.value)


class SimulatedRunner:
    """Runs the test of a simulated application, which *renew* begins anew if it can."""

    def __init__(
        self, test: Callable[[Wire], None], *proxies: ExploredProxy, renew: Callable[[], bool] = lambda: False
    ) -> None:
        self._test = test
        self._renew = renew
        self.test = 'test_simulated'
        self.proxies: Sequence[ExploredProxy] = proxies or (
            ExploredProxy(name='api', protocol='tcp'),
            ExploredProxy(name='db', protocol='tcp'),
        )
        #: The faults of each run so far.
        self.runs: list[tuple[str, ...]] = []

    def run(self, injections: Sequence[Injection] = (), limit: float | None = None) -> Run:
        """See `Runner.run`."""
        self.runs.append(tuple(map(str, injections)))
        wire = Wire(Aim(injections), FOR_EVER if limit is None else limit, self.runs[-1])
        failure, is_hung = None, False
        try:
            self._test(wire)
        except Hung:
            is_hung = True
        except Exception as error:
            failure = Failure(
                phase='call',
                kinds=list_kinds(error),
                message=str(error),
                is_assertion=isinstance(error, AssertionError),
                status=getattr(error, 'status', None),
            )
        return Run(
            seconds=wire.now,
            failure=failure,
            hung=is_hung,
            hit=wire.aim.has_hit,
            entries=wire.entries,
            left_open=wire.left_open,
        )

    def renew(self) -> bool:
        """See `Runner.renew`."""
        return self._renew()
