"""One worker, as its parent sees it: a process, what it is asked, and the clients that it gets."""

from __future__ import annotations

import os
import signal
import socket
import sys
from _socket import socket as plain_socket, socketpair
from collections.abc import Callable
from contextlib import ExitStack, suppress
from itertools import count
from typing import Any

import gevent
from gevent.event import AsyncResult
from gevent.pool import Group
from gevent.queue import Queue

from vaurien.errors import WorkerError, describe_error
from vaurien.records.proxy_log import ProxyLog
from vaurien.workers.clients import Handover, LinkEvent
from vaurien.workers.messages import Answer, Ask, Messages, decode, encode
from vaurien.workers.process import Setup

#: Seconds in which a worker ends by itself when its parent has nothing more for it.
STOP_TIMEOUT = 5.0
#: Seconds between two looks whether it has ended.
PAUSE = 0.01

#: The most questions that wait for their answers.
MOST_ASKED = 100

#: What stands for an answer that will never come, and for one that has not come in time.
GONE = Answer(error='it has ended')
LATE = Answer(error='it does not answer')


class Worker:
    """A process that serves links, from its making to its end."""

    def __init__(
        self,
        number: int,
        setup: Setup,
        on_event: Callable[[Worker, int, int, LinkEvent], object],
        on_room: Callable[[], object],
        on_ended: Callable[[Worker], object],
    ) -> None:
        """Start it, and raise `OSError` if that cannot be done.

        *on_event* is told the key and the number of a link, and what has become of it.
        *on_room* is called when clients may come again. *on_ended* is called once, in a greenlet, when it has ended.
        """
        self.number = number
        self._on_event = on_event
        self._on_room = on_room
        self._on_ended = on_ended
        #: Its exit status, once that is known.
        self._status: int | None = None
        #: How many links it has.
        self.links = 0
        self.has_ended = False
        self._is_full = False
        #: Whether it has let somebody wait in vain, and has said nothing since.
        self.is_silent = False
        self._numbers = count(1)
        self._asked: dict[int, AsyncResult[Answer]] = {}
        messages, their_messages = socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        clients, their_clients = socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ExitStack() as stack:
            for one in (messages, their_messages, clients, their_clients):
                stack.callback(one.close)
            self.pid = _start(their_messages.fileno(), their_clients.fileno())
            self._messages = Messages(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, messages.detach()))
            own = plain_socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, clients.detach())
        own.setblocking(False)
        loop = gevent.get_hub().loop
        self._handover = Handover(loop, own, self._on_told, on_room)
        try:
            self._messages.send(0, encode(setup))
        except BaseException:  # it has ended meanwhile, or this process ends
            self._handover.close()
            self._messages.close()
            self.end()
            raise
        #: What it is to be asked: nobody waits until one that hangs has taken that. It is never much, because who owes
        #: answers is asked no more, or killed.
        self._unsent: Queue[tuple[int, bytes] | None] = Queue()
        self._greenlets = Group()
        self._greenlets.spawn(self._talk)
        self._greenlets.spawn(self._listen)

    @property
    def is_late(self) -> bool:
        """Whether it owes answers that somebody has waited for in vain, or so many that it makes no sense to ask."""
        return self.is_silent or len(self._asked) >= MOST_ASKED

    def await_answer(self, answer: AsyncResult[Answer], seconds: float) -> Answer:
        """Return the answer to what it was asked; `LATE` if that does not come within so many *seconds*."""
        answer.wait(timeout=max(0.0, seconds))
        if answer.ready():
            found: Answer = answer.get()
            return found
        self.is_silent = True
        return LATE

    @property
    def has_room(self) -> bool:
        """Whether it may be given a client."""
        return self._handover.has_room and not self._is_full

    def hand(self, key: int, number: int, client: plain_socket, timeout: float, log: ProxyLog) -> None:
        """Give it a client of the proxy of that *key*, which waits for *timeout* seconds at most.

        *log* is that of the proxy. Raise `OSError` if the worker has ended.
        """
        self._handover.hand(key, number, client, timeout, log)
        self.links += 1

    def _on_told(self, key: int, number: int, event: LinkEvent) -> None:
        if event in (LinkEvent.FULL, LinkEvent.ROOM):
            self._is_full = event is LinkEvent.FULL
            if not self._is_full:
                self._on_room()
        else:
            self._on_event(self, key, number, event)

    def forget_link(self) -> None:
        """Count a link no more."""
        self.links -= 1

    def ask(self, function: Callable[..., Any], *args: object) -> AsyncResult[Answer]:
        """Ask it to call a method of `Served`; return what will have the answer, or `GONE` if it ends before.

        It is asked one thing after the other. Raise `WorkerError` for an argument that cannot be sent.
        """
        try:
            data = encode(Ask(function, args))
        except Exception as error:  # an option of a plug-in may be anything
            text = f'workers cannot be told that, and nothing was changed: {describe_error(error)}'
            raise WorkerError(text) from error
        answer: AsyncResult[Answer] = AsyncResult()
        if self.has_ended:
            answer.set(GONE)
            return answer
        number = next(self._numbers)
        self._asked[number] = answer
        self._unsent.put((number, data))
        return answer

    def _talk(self) -> None:
        with suppress(OSError):  # it has gone, which `_listen` notices
            for number, data in iter(self._unsent.get, None):
                self._messages.send(number, data)

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                number, data = self._messages.receive()
                self.is_silent = False
                self._asked.pop(number).set(decode(data))
        self.has_ended = True
        self._handover.close()
        self._messages.close()
        self._unsent.put(None)
        asked, self._asked = self._asked, {}
        for answer in asked.values():
            answer.set(GONE)
        self._on_ended(self)

    def kill(self) -> None:
        """End it at once."""
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)

    def end(self) -> str:
        """End it at once, and return how it has ended."""
        self.kill()
        return self.wait()

    def stop(self) -> None:
        """Let it end, since there is nothing more to do; kill it if it does not."""
        self._messages.close()
        self.wait(STOP_TIMEOUT)

    def wait(self, seconds: float = STOP_TIMEOUT) -> str:
        """Wait until it has ended, kill it after so many *seconds*, and return how it has ended."""
        with gevent.Timeout(seconds, False):
            while not self._look():
                gevent.sleep(PAUSE)
        self.kill()
        while not self._look():
            gevent.sleep(PAUSE)
        status = self._status or 0
        return f'by signal {-status}' if status < 0 else f'with status {status}'

    def _look(self) -> bool:
        """Return whether it has ended, and note its exit status."""
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._status = os.waitstatus_to_exitcode(status) if pid else None
        return self._status is not None


def _start(*descriptors: int) -> int:
    """Start the process with these descriptors, and return its number. No thread matters to that, as to a fork."""
    gevent.get_hub().loop.install_sigchld()  # before the first one may end: nobody would hear of that
    return os.posix_spawn(
        sys.executable,
        [sys.executable, '-m', 'vaurien.workers', *map(str, descriptors)],
        {**os.environ, 'PYTHONSAFEPATH': '1'},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            *((os.POSIX_SPAWN_DUP2, one, one) for one in descriptors),  # which has it stay open
        ],
        setsid=True,  # the Ctrl-C of a terminal is for the parent, which tells the workers
    )
