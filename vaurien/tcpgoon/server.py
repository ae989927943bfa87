"""``server``: a server to test. It accepts a number of connections and holds them."""

from __future__ import annotations

from contextlib import suppress
from socket import SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, SOMAXCONN, socket
from typing import Any

from gevent import get_hub
from gevent.event import Event

from vaurien.console.background import in_background
from vaurien.console.limits import LEAST_SPARE, LOST, describe_shortage, raise_descriptors
from vaurien.console.output import SERVING, print_line, warn
from vaurien.console.signals import on_signals_in_loop
from vaurien.errors import StartError
from vaurien.tcpgoon.handshake import CHUNK, READ
from vaurien.tcpgoon.settings import ServerSettings
from vaurien.tcpgoon.target import format_address, look_up

#: Connections that are accepted before the event loop looks after the others again.
BATCH = 64
#: Connections to make room for if there is no limit.
MANY = 1_000_000
#: Seconds until the next attempt to accept a connection if no descriptor is left.
EXHAUSTED_PAUSE = 0.5
#: All connections receive what clients send into this; nobody reads it.
BUFFER = bytearray(CHUNK)


def serve(settings: ServerSettings) -> int:
    """Serve until the time is over or a signal comes, and return 0; raise `ConfigError`, `StartError`."""
    if not settings.maxconnections:
        raise_descriptors(MANY)
    elif shortage := describe_shortage(settings.maxconnections, LEAST_SPARE):
        warn('tcpgoon', shortage)
    server = Server(settings)
    with in_background(), on_signals_in_loop(server.over.set):
        print_line(announce(server.address, settings))
        server.run()
        print_line(f'accepted: {server.accepted}, most at a time: {server.most}, closed by the client: {server.left}')
    return 0


def announce(address: str, settings: ServerSettings) -> str:
    """Return what is printed at the start."""
    count = f'up to {settings.maxconnections} connections' if settings.maxconnections else 'any number of connections'
    time = f' for {settings.duration} s' if settings.duration else ''
    return f'tcpgoon server: {address} holds {count}{time}\n{SERVING}'


class Server:
    """A server that listens once it is made. Raises `ConfigError`, `StartError`."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._loop: Any = get_hub().loop
        self._listener = listen(settings.host, settings.port)
        self.address = format_address(self._listener.getsockname())
        self._watcher: Any = self._loop.io(self._listener.fileno(), READ)
        self._watcher.start(self._accept)
        self._timers: dict[str, Any] = {}
        self._open: dict[socket, Any] = {}
        self.over = Event()
        self.accepted = 0
        self.most = 0
        #: How many connections clients have closed.
        self.left = 0

    @property
    def full(self) -> bool:
        """Whether the server has accepted all connections that it may."""
        return 0 < self._settings.maxconnections <= self.accepted

    def run(self) -> None:
        """Serve until `over` is set, then close everything."""
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
            except OSError as error:
                if error.errno in LOST:
                    continue
                self._watcher.stop()  # no descriptor is left
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
        """Stop listening."""
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
        self._timers[name] = self._loop.timer(seconds)  # an earlier timer of that name is over
        self._timers[name].start(callback, *arguments, update=True)


def listen(host: str, port: int) -> socket:
    """Return a listening socket; raise `ConfigError` if *host* is no name, `StartError` if it cannot listen."""
    place = look_up(host, port)[0]
    listener = socket(place.family, SOCK_STREAM)
    try:
        listener.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        listener.bind(place.address)
        listener.listen(SOMAXCONN)
    except OSError as error:
        listener.close()
        raise StartError.of(error, format_address(place.address)) from None
    listener.setblocking(False)
    return listener
