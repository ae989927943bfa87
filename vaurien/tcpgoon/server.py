"""Something to test: accepts connections, so many and no more, and holds them."""

from __future__ import annotations

from contextlib import suppress
from socket import SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, SOMAXCONN, socket
from typing import Any

from gevent import get_hub
from gevent.event import Event

from vaurien.console.limits import describe_shortage, raise_descriptors
from vaurien.console.output import print_line, warn
from vaurien.console.signals import on_signals_in_loop
from vaurien.errors import StartError
from vaurien.tcpgoon.handshake import CHUNK, READ
from vaurien.tcpgoon.settings import ServerSettings
from vaurien.tcpgoon.target import look_up, spell

#: Accepted in one go, before those that are open have their turn.
BATCH = 64
#: Room to make for connections where there is no limit.
MANY = 1_000_000
#: Seconds to leave clients waiting when the descriptors are used up.
EXHAUSTED_PAUSE = 0.5
#: What clients say is received into this, and not looked at.
BUFFER = bytearray(CHUNK)


def serve(settings: ServerSettings) -> int:
    """Hold connections until the time is over or a signal comes; 0. Raises `ConfigError`, `StartError`."""
    if not settings.maxconnections:
        raise_descriptors(MANY)
    elif shortage := describe_shortage(settings.maxconnections):
        warn('tcpgoon', shortage)
    server = Server(settings)
    with on_signals_in_loop(server.over.set):
        print_line(announce(server.address, settings))
        server.run()
    print_line(f'accepted: {server.accepted}, most at a time: {server.most}, closed by the client: {server.left}')
    return 0


def announce(address: str, settings: ServerSettings) -> str:
    """What is printed at the start."""
    count = f'up to {settings.maxconnections} connections' if settings.maxconnections else 'any number of connections'
    time = f' for {settings.duration} s' if settings.duration else ''
    return f'tcpgoon server: {address} holds {count}{time}\nCtrl-C ends'


class Server:
    """Listens from the start; raises `StartError`."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._loop: Any = get_hub().loop
        self._listener = listen(settings.host, settings.port)
        self.address = spell(self._listener.getsockname())
        self._watcher: Any = self._loop.io(self._listener.fileno(), READ)
        self._watcher.start(self._accept)
        self._timers: dict[str, Any] = {}
        self._open: dict[socket, Any] = {}
        self.over = Event()
        self.accepted = 0
        self.most = 0
        #: How many have closed.
        self.left = 0

    @property
    def full(self) -> bool:
        """Whether it has accepted all that it may."""
        return 0 < self._settings.maxconnections <= self.accepted

    def run(self) -> None:
        """Serve until `over` is set, and close everything."""
        if self._settings.duration:
            self._after('end', self._settings.duration, self.over.set)
        self.over.wait()
        for timer in self._timers.values():
            timer.stop()
            timer.close()
        self._refuse()
        for client in list(self._open):
            self._drop(client)

    def _accept(self) -> None:
        for _ in range(BATCH):
            try:
                client, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError:  # no descriptor is left; or the client has gone again
                self._watcher.stop()
                self._after('pause', EXHAUSTED_PAUSE, self._watcher.start, self._accept)
                return
            self._hold(client)
            if self.full:
                self._refuse()
                return

    def _hold(self, client: socket) -> None:
        client.setblocking(False)
        watcher = self._loop.io(client.fileno(), READ)
        watcher.start(self._read, client)
        self._open[client] = watcher
        self.accepted += 1
        self.most = max(self.most, len(self._open))

    def _read(self, client: socket) -> None:
        with suppress(BlockingIOError):
            try:
                if client.recv_into(BUFFER):
                    return
            except ConnectionError:
                pass
            self._drop(client)
            self.left += 1
            if self.full and not self._open:
                self.over.set()

    def _refuse(self) -> None:
        """Listen no more."""
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
            self._watcher = None
            self._listener.close()

    def _drop(self, client: socket) -> None:
        watcher = self._open.pop(client)
        watcher.stop()
        watcher.close()
        client.close()

    def _after(self, name: str, seconds: float, callback: Any, *arguments: Any) -> None:
        self._timers[name] = self._loop.timer(seconds)  # the last one of that name is over
        self._timers[name].start(callback, *arguments, update=True)


def listen(host: str, port: int) -> socket:
    """A listening socket; raises `ConfigError` for a name that nobody has, and `StartError`."""
    place = look_up(host, port)[0]
    listener = socket(place.family, SOCK_STREAM)
    try:
        listener.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        listener.bind(place.address)
        listener.listen(SOMAXCONN)
    except OSError as error:
        listener.close()
        raise StartError.of(error, spell(place.address)) from None
    listener.setblocking(False)
    return listener
