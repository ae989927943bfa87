"""The workers of a process: who gets the next client, who is asked, and who takes the place of one that has ended."""

from __future__ import annotations

import logging
from _socket import socket
from collections.abc import Callable, Mapping
from itertools import count
from time import monotonic
from typing import Any, Protocol, TypeVar

import gevent
from gevent.event import AsyncResult
from gevent.lock import RLock
from gevent.pool import Group

from vaurien.console.writer import count_lost
from vaurien.errors import StartError, VaurienError, WorkerError, describe_error, find_reason
from vaurien.records.proxy_log import ProxyLog
from vaurien.workers.clients import LinkEvent
from vaurien.workers.desired_state import DesiredState
from vaurien.workers.messages import Answer
from vaurien.workers.process import Setup
from vaurien.workers.report import LastReport, Report
from vaurien.workers.served import Served
from vaurien.workers.worker import GONE, LATE, Worker

Result = TypeVar('Result')

#: Seconds in which a worker has to be ready.
START_TIMEOUT = 60.0
#: Seconds in which a worker has to answer. One that does not take a change in time is replaced. A client of the control
#: API waits for 5 s, and is to see what has become of that.
ANSWER_TIMEOUT = 3.5
#: Seconds for one that has not answered before, so that a call that asks several times is not late either.
SILENT_TIMEOUT = 0.5
#: Seconds from one attempt to start a worker to the next.
PAUSE = 1.0
#: Seconds between two looks at what the workers have counted: what was counted since then ends with its worker.
INTERVAL = 2.0

logger = logging.getLogger(__name__)


class Member(Protocol):
    """A proxy whose links are in the workers."""

    def desired_state(self) -> DesiredState:
        """Return what the workers are to know of it."""

    def on_room(self) -> None:
        """Note that clients may be handed over again."""

    def on_event(self, number: int, event: LinkEvent) -> None:
        """Note what has become of a link."""

    def on_worker_ended(self, worker: Worker) -> None:
        """Note that the links of a worker are gone."""

    def on_report(self, worker: Worker, report: Report) -> None:
        """Note what a worker has counted until now."""


class Pool:
    """The workers, from `start` to `stop`."""

    def __init__(self, size: int, setup: Setup) -> None:
        """*setup* is what each worker is told first."""
        self._size = size
        self._setup = setup
        self._keys = count(1)
        #: The proxies whose links are in the workers, and the workers that are ready.
        self._members: dict[int, Member] = {}
        self._workers: list[Worker] = []
        #: How many lines each of them could not write, and those that have ended.
        self._lost: dict[Worker, int] = {}
        self._lost_before = 0
        self._greenlets = Group()
        self._is_running = False
        #: Held while a proxy joins, changes or leaves, or a new worker is told what has changed while it started.
        self.changing = RLock()

    # Life

    def __enter__(self) -> Pool:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start all workers, and return when they are ready; raise `StartError`."""
        try:
            for number in range(1, self._size + 1):
                self._workers.append(self._begin(number))
            asked = [worker.ask(Served.report_all) for worker in self._workers]
            for worker, answer in zip(self._workers, asked, strict=True):
                _refuse_lost(worker, worker.await_answer(answer, START_TIMEOUT), START_TIMEOUT)
        except BaseException:
            self.stop()
            raise
        self._is_running = True
        self._greenlets.spawn(self._look)

    def stop(self) -> None:
        """End all workers."""
        self._is_running = False
        self._greenlets.kill()
        Group().map(Worker.stop, self._workers)
        self._workers.clear()

    @property
    def pids(self) -> list[int]:
        """The numbers of the processes of the workers that are ready."""
        return [worker.pid for worker in self._workers]

    def _begin(self, number: int) -> Worker:
        """Start a worker; raise `StartError`."""
        try:
            return Worker(number, self._setup, self._on_event, self._on_room, self._on_ended)
        except OSError as error:
            raise StartError(f'worker {number} cannot be started: {find_reason(error)}') from error

    def _on_ended(self, worker: Worker) -> None:
        if not self._is_running or worker not in self._workers:
            return
        self._workers.remove(worker)
        self._lost_before += self._lost.pop(worker, 0)
        for member in list(self._members.values()):
            member.on_worker_ended(worker)
        self._greenlets.spawn(self._replace, worker)

    def _replace(self, ended: Worker) -> None:
        """Have another worker in the place of one that has ended."""
        text = 'worker %d, pid %d, has ended %s, and its links with it: another one takes its place'
        logger.warning(text, ended.number, ended.pid, ended.wait())
        number, told = ended.number, ''
        while True:
            began = monotonic()
            try:
                worker = self._start_one(number)
                break
            except Exception as error:  # whatever it is: it is tried for as long as it takes
                text = str(error) if isinstance(error, VaurienError) else describe_error(error)
                if text != told:
                    told = text
                    logger.error('%s: it is tried again every %g s', told, PAUSE)
            gevent.sleep(max(0.0, began + PAUSE - monotonic()))
        logger.info('worker %d: pid %d', number, worker.pid)
        self._on_room()

    def _start_one(self, number: int) -> Worker:
        """Start a worker, and use it from then on; raise `StartError`."""
        worker = self._begin(number)
        try:
            self._prepare(worker)
        except BaseException:  # it cannot be used, or the process ends
            worker.end()
            raise
        return worker

    def _prepare(self, worker: Worker) -> None:
        """Tell a new worker how all proxies are, and use it from then on; raise `StartError`."""
        _refuse_lost(worker, worker.await_answer(worker.ask(Served.report_all), START_TIMEOUT), START_TIMEOUT)
        told: dict[int, DesiredState] = {}
        self._bring_up_to_date(worker, told, START_TIMEOUT)  # that may take long, and changes go on
        with self.changing:
            self._bring_up_to_date(worker, told, ANSWER_TIMEOUT)
            if worker.has_ended:
                _refuse_lost(worker, GONE, ANSWER_TIMEOUT)
            self._workers.append(worker)

    def _bring_up_to_date(self, worker: Worker, told: dict[int, DesiredState], seconds: float) -> None:
        """Tell a new worker what is not as it was *told* before; raise `StartError`.

        It has so many *seconds* for each proxy.
        """
        wanted = {key: member.desired_state() for key, member in list(self._members.items())}
        asked = [worker.ask(Served.stop, key, 0.0) for key in told.keys() - wanted.keys()]
        asked += [worker.ask(Served.follow, key, one) for key, one in wanted.items() if told.get(key) != one]
        told.clear()
        told.update(wanted)
        for one in asked:
            answer = worker.await_answer(one, seconds)
            _refuse_lost(worker, answer, seconds)
            if answer.error is not None:
                raise StartError(f'worker {worker.number} cannot be started: {answer.error}')

    def _look(self) -> None:
        while True:
            gevent.sleep(INTERVAL)
            for worker, reports in self.ask(Served.report_all).items():
                for key, report in reports.items():
                    if key in self._members:
                        self._members[key].on_report(worker, report)
            self._note_lost()

    # Clients

    @property
    def has_room(self) -> bool:
        """Whether a client may be handed over."""
        return any(worker.has_room for worker in self._workers)

    def hand(self, key: int, number: int, client: socket, timeout: float, log: ProxyLog) -> Worker | None:
        """Give a client of the proxy of that *key* to the worker with the fewest links, and return that worker.

        Return None if there is none; the client is closed then. It waits for *timeout* seconds at most. *log* is that
        of the proxy.
        """
        for worker in sorted((one for one in self._workers if one.has_room), key=lambda one: one.links):
            try:
                worker.hand(key, number, client, timeout, log)
            except OSError:  # it has ended
                continue
            return worker
        client.close()
        return None

    def _on_room(self) -> None:
        for member in list(self._members.values()):
            member.on_room()

    def _on_event(self, worker: Worker, key: int, number: int, event: LinkEvent) -> None:
        if event is LinkEvent.CLOSED:
            worker.forget_link()
        if key in self._members:
            self._members[key].on_event(number, event)

    # What is asked

    def join(self, member: Member) -> int:
        """Have the links of a proxy in the workers, and return its key; raise `WorkerError`."""
        key = next(self._keys)
        with self.changing:
            self._members[key] = member
            try:
                self.update(key)
            except WorkerError:
                self.leave(key, 0.0)
                raise
        return key

    def leave(self, key: int, grace: float) -> dict[Worker, LastReport]:
        """Stop a proxy in all workers, and return what each of them knows of it.

        Its open exchanges may finish for *grace* seconds.
        """
        with self.changing:  # a new worker that was told of it already is told to stop it, too
            self._members.pop(key, None)
            asked = self._send(Served.stop, key, grace)
        answers = self._await(asked, grace + ANSWER_TIMEOUT)
        return {worker: answer.value for worker, answer in answers.items() if answer.error is None}

    def update(self, key: int, *, by_force: bool = False) -> None:
        """Have all workers know how a proxy is.

        Raise `WorkerError` for one that cannot do that, unless it is *by_force*: then that one is replaced.
        """
        answers = self._await(self._send(Served.follow, key, self._members[key].desired_state()), ANSWER_TIMEOUT)
        for worker, answer in answers.items():
            if answer.error is not None and answer is not GONE and answer is not LATE:
                if not by_force:
                    raise WorkerError(f'worker {worker.number} cannot do that, and nothing was changed: {answer.error}')
                worker.kill()

    def tell(self, function: Callable[..., Result], *args: object) -> list[Result]:
        """Have all workers call a method of `Served`, and return what it returns in each that does not fail."""
        answers = self._await(self._send(function, *args), ANSWER_TIMEOUT)
        return [answer.value for answer in answers.values() if answer.error is None]

    def ask(self, function: Callable[..., Result], *args: object) -> dict[Worker, Result]:
        """Have all workers call a method of `Served`, and return what it returns in those that answer."""
        asked = {worker: worker.ask(function, *args) for worker in list(self._workers) if not worker.is_late}
        deadline = monotonic() + ANSWER_TIMEOUT
        answers = {worker: worker.await_answer(answer, deadline - monotonic()) for worker, answer in asked.items()}
        return {worker: answer.value for worker, answer in answers.items() if answer.error is None}

    def ask_one(self, worker: Worker, function: Callable[..., Result], *args: object) -> Result | None:
        """Have one worker call a method of `Served`, and return what it returns; None if it does not answer."""
        if worker.is_late:
            return None
        # Who asks one after the other waits for the first that does not answer only.
        seconds = SILENT_TIMEOUT if any(one.is_silent for one in self._workers) else ANSWER_TIMEOUT
        answer = worker.await_answer(worker.ask(function, *args), seconds)
        return None if answer.error is not None else answer.value

    def count_lost(self) -> int:
        """Return how many lines this process and all workers could not write, those that have ended included."""
        self._note_lost()
        return count_lost() + self._lost_before + sum(self._lost.values())

    def _note_lost(self) -> None:
        """Ask all workers how many lines they could not write: the last number of one that ends is what counts."""
        for worker, lines in self.ask(Served.count_lost).items():
            if worker in self._workers:  # else it has ended in this moment
                self._lost[worker] = lines

    def reopen_logs(self) -> None:
        """Have all workers open the files of their logs again."""
        self.tell(Served.reopen_log)

    def _send(self, function: Callable[..., Any], *args: object) -> dict[Worker, AsyncResult[Answer]]:
        """Ask all workers to call a method of `Served`."""
        return {worker: worker.ask(function, *args) for worker in list(self._workers)}

    def _await(self, asked: Mapping[Worker, AsyncResult[Answer]], seconds: float) -> dict[Worker, Answer]:
        """Return the answers to what was *asked*. A worker that gives none within so many *seconds* is replaced."""
        began = monotonic()
        answers = {}
        for worker, answer in asked.items():
            deadline = began + (SILENT_TIMEOUT if worker.is_silent else seconds)
            answers[worker] = worker.await_answer(answer, deadline - monotonic())
        for worker in [worker for worker, answer in asked.items() if not answer.ready()]:
            logger.error('worker %d does not answer, and is killed', worker.number)
            worker.kill()
        return answers


def _refuse_lost(worker: Worker, answer: Answer, seconds: float) -> None:
    """Raise `StartError` if a worker that starts has ended, or has not answered within so many *seconds*."""
    if answer is LATE:
        raise StartError(f'worker {worker.number} is not ready after {seconds:g} s')
    if answer is GONE:
        raise StartError(f'worker {worker.number} has ended {worker.wait()}')
