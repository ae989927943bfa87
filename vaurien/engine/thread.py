"""A proxy in a thread of its own, with an event loop of its own, beside whatever else the process does."""

from __future__ import annotations

import os
from collections.abc import Callable
from time import monotonic
from typing import Any, TypeVar

import gevent
from gevent import GreenletExit
from gevent.event import Event
from gevent.monkey import get_original
from gevent.pool import Group

from vaurien.engine import forks
from vaurien.engine.chooser import Chooser
from vaurien.engine.proxy import ProxyServer
from vaurien.engine.record import Hasher
from vaurien.records.observer import Observer
from vaurien.settings import Settings

Result = TypeVar('Result')

RUNNING = 'the proxy is running already'
NOT_RUNNING = 'the proxy is not running: use it in a with block, or call start()'

# The originals: if gevent has patched the process, the proxy still needs a thread of the system.
_allocate_lock = get_original('_thread', 'allocate_lock')
_get_ident = get_original('_thread', 'get_ident')
_start_thread = get_original('_thread', 'start_new_thread')


class ProxyThread:
    """Runs a `ProxyServer` from `start` to `stop`, and calls functions where it runs. Any thread may use it."""

    def __init__(
        self,
        settings: Settings,
        observer: Observer | None = None,
        chooser: Chooser | None = None,
        digest: Callable[[], Hasher] | None = None,
        journal: Observer | None = None,
    ) -> None:
        """*observer*, *chooser*, *digest* and *journal* are for the `ProxyServer`, which calls them in its thread."""
        self._settings = settings
        self._watchers = observer, chooser, digest, journal
        self._server: ProxyServer | None = None
        self._problem = NOT_RUNNING
        self._stop: Event | None = None
        #: The calls that wait for something there.
        self._calls = Group()
        self._ident = 0
        self._is_at_rest = False
        self._make_locks()
        forks.add(self)

    def _make_locks(self) -> None:
        #: Held while the proxy starts or stops, while a call is handed to it, and while the process forks.
        self._busy = _allocate_lock()
        #: Held while the thread lives.
        self._living = _allocate_lock()

    @property
    def is_running(self) -> bool:
        """Whether the proxy runs, in this process."""
        return self._server is not None

    @property
    def server(self) -> ProxyServer:
        """The proxy. Raise `RuntimeError`, which says why, if it is not running."""
        if self._server is None:
            raise RuntimeError(self._problem)
        return self._server

    def start(self) -> None:
        """Return once clients can connect, or raise what went wrong; nothing is left of the thread then."""
        with self._busy:
            if self._server is not None:
                raise RuntimeError(RUNNING)
            self._problem = NOT_RUNNING
            started = _make_held_lock()
            failure: list[BaseException] = []
            self._living.acquire()
            _start_thread(self._serve, (started, failure))
            started.acquire()
            if failure:
                self._await_end()
                raise failure[0]

    def stop(self) -> None:
        """Shut the proxy down if it is running, and return when everything is closed."""
        with self._busy:
            server, self._server = self._server, None
            if server is not None and self._stop is not None:
                server.loop.run_callback_threadsafe(self._stop.set)
                self._await_end()

    def _await_end(self) -> None:
        with self._living:
            pass

    def call(self, function: Callable[[ProxyServer], Result], *, waits: bool = False) -> Result:
        """Call *function* in the proxy's thread, and return its result or raise its error.

        If it *waits* for something there, others may be called meanwhile.
        """
        done = _make_held_lock()
        outcome: list[Result] = []
        failure: list[Exception] = []

        def run() -> None:
            try:
                outcome.append(function(server))
            except Exception as error:  # raised again in the thread of the caller
                failure.append(error)
            finally:
                done.release()

        with self._busy:
            server = self.server
            server.loop.run_callback_threadsafe(*([self._calls.spawn, run] if waits else [run]))
        done.acquire()
        if failure:
            raise failure[0]
        return outcome[0]

    def _serve(self, started: Any, failure: list[BaseException]) -> None:
        self._ident = _get_ident()
        hub = gevent.get_hub()
        # gevent ends a loop that watches nothing, as it may be while no client can connect.
        watcher = hub.loop.async_()
        watcher.start(lambda: None)
        try:
            self._stop, self._calls = Event(), Group()
            server = ProxyServer(self._settings, *self._watchers)
            server.start()
            self._server = server
        except BaseException as error:  # raised again in the thread of the caller
            failure.append(error)
            started.release()
        else:
            started.release()
            self._stop.wait()
            server.warn_unmatched()
            server.shut_down()
            self._calls.join()
        finally:
            watcher.close()
            hub.destroy(destroy_loop=True)
            # It leaves the hub's greenlet suspended at the end of `Hub.run`. One whose thread has ended is never freed,
            # and with it all that its frames refer to.
            hub.throw(GreenletExit)
            self._living.release()

    # What `forks` calls

    def pause(self, deadline: float) -> Callable[[], None] | None:
        """Have the thread wait between two callbacks of its event loop, and nobody start, stop or call.

        Return what ends that; None if somebody starts, stops or calls until *deadline*.
        """
        self._is_at_rest = False  # as it may have been for another fork
        if not self._busy.acquire(timeout=_until(deadline)):
            return None
        if self._server is None or _get_ident() == self._ident:  # it is one of its behaviors that forks
            return self._busy.release  # type: ignore[no-any-return]
        resting, resumed = _make_held_lock(), _make_held_lock()

        def rest() -> None:
            resting.release()
            resumed.acquire()

        def resume() -> None:
            resumed.release()
            self._busy.release()

        self._server.loop.run_callback_threadsafe(rest)
        self._is_at_rest = resting.acquire(timeout=_until(deadline))
        return resume

    def abandon(self) -> None:
        """Close this process's copies of the descriptors, for it is a child of a fork. The proxy is the parent's."""
        server, self._server = self._server, None
        self._make_locks()  # nobody is left who would release the others
        if server is None:
            return
        self._problem = f'the proxy runs in process {os.getppid()}, and this is a fork of it: use the proxy there'
        server.leave_to_parent()
        if self._is_at_rest:  # in the midst of anything the memory of the loop might be in disorder
            server.loop.destroy()


def _make_held_lock() -> Any:
    lock = _allocate_lock()
    lock.acquire()
    return lock


def _until(deadline: float) -> float:
    return max(0.0, deadline - monotonic())
