"""What a fork of the process means for the proxies that run in threads of it.

A child of a fork has a copy of every descriptor and none of the threads: a connection whose copy it keeps does not end
when the parent closes it, and a lock that a thread held is never released. So before a fork every proxy's thread is
paused between two callbacks of its event loop, where it holds no lock and where each of its descriptors is known. Then
the parent goes on, and the child closes its copies. This works for every fork that Python knows of: `os.fork`,
`os.forkpty`, `multiprocessing`, and servers that fork workers. Descriptors do not survive an ``exec``.

A link does not shut its sockets down before it closes them, which would reach the peer whatever copies there are: the
kernel resets a connection that is closed with bytes unread, as it does when a real server dies, but a shutdown sends
the end of the stream first. A copy that C code makes behind Python's back therefore keeps a link's connections open.
The listening socket is shut down: nobody can connect to what was stopped.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from time import monotonic
from typing import Protocol
from weakref import WeakSet

from gevent.monkey import get_original

#: Seconds that a fork waits at most, for all proxies together. A behavior that blocks its thread delays a fork so long.
PATIENCE = 1.0


class Forking(Protocol):
    """The part of a proxy's thread that a fork needs."""

    def pause(self, deadline: float) -> Callable[[], None] | None:
        """Bring the thread to rest until *deadline* at the latest; return what lets it go on, if anything does."""

    def abandon(self) -> None:
        """Close what this process, a child, has copies of."""


#: Held while the process forks, and while a thread is added. A signal handler may fork in the midst of that.
_forking = get_original('_thread', 'RLock')()
_threads: WeakSet[Forking] = WeakSet()
_resume: list[Callable[[], None]] = []


def add(thread: Forking) -> None:
    """Pause that thread whenever the process forks."""
    with _forking:
        _threads.add(thread)


def _before() -> None:
    _forking.acquire()
    deadline = monotonic() + PATIENCE
    for thread in list(_threads):
        resume = thread.pause(deadline)
        if resume is not None:
            _resume.append(resume)


def _after_in_parent() -> None:
    while _resume:
        _resume.pop()()
    _forking.release()


def _after_in_child() -> None:
    _resume.clear()
    _forking.release()
    for thread in list(_threads):
        thread.abandon()


os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
