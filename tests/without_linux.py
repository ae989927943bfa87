"""A process in which Python has none of what only Linux has: what is done in its place. `test_without_linux` runs it.

The names are taken away behind the libraries, which do without them elsewhere, too, and before anything of ours is
imported. Each check prints its name when it holds.
"""

from __future__ import annotations

import os
import signal
import socket
import ssl
import struct
import sys
import threading
import time
from importlib import import_module
from pathlib import Path

import pytest

#: These look at `sys.platform` when they are imported.
LIBRARIES = (
    'ctypes',
    'gevent.monkey',
    'gevent.pool',
    'gevent.server',
    'multiprocessing',
    'subprocess',
    'urllib.request',
)
NAMES = {
    os: (
        *('splice', 'SPLICE_F_MOVE', 'SPLICE_F_NONBLOCK', 'pipe2', 'eventfd', 'eventfd_write', 'pidfd_open'),
        *('memfd_create', 'sched_getaffinity', 'timerfd_create', 'timerfd_settime'),
    ),
    socket: ('SOCK_NONBLOCK', 'SOCK_CLOEXEC', 'TCP_INFO', 'TCP_KEEPIDLE', 'TCP_KEEPINTVL', 'MSG_MORE'),
}
MB = 1024 * 1024


def take_away() -> None:
    for module, names in NAMES.items():
        for name in names:
            vars(module).pop(name, None)
    sys.platform = 'darwin'


def serve(listener: socket.socket) -> None:
    """Send back what comes on each connection, in a thread of its own."""

    def echo(sock: socket.socket) -> None:
        with sock:
            try:
                while data := sock.recv(MB):
                    sock.sendall(data)
            except OSError:  # it was reset
                pass

    while True:
        threading.Thread(target=echo, args=[listener.accept()[0]], daemon=True).start()


def talk(sock: socket.socket, data: bytes) -> bytes:
    sender = threading.Thread(target=sock.sendall, args=[data])
    sender.start()
    received = bytearray()
    while len(received) < len(data) and (chunk := sock.recv(MB)):
        received += chunk
    sender.join()
    return bytes(received)


def wait_until_no_link_is_left(proxy: Proxy) -> None:
    while proxy.status()['links']['open']:
        time.sleep(0.01)


def check_bulk(backend: str) -> None:
    data = os.urandom(MB) * 8
    with Proxy(backend=backend) as proxy, socket.create_connection((proxy.host, proxy.port)) as client:
        assert talk(client, data) == data


def check_delay(backend: str) -> None:
    begun = time.monotonic()
    slow = Proxy(backend=backend, behavior='100:delay(sleep=0.05)')
    with slow as proxy, socket.create_connection((proxy.host, proxy.port)) as client:
        assert talk(client, b'hello') == b'hello'
    assert time.monotonic() - begun >= 0.05


def check_departure(backend: str) -> None:
    """A client that has sent something and is reset has left, although nobody reads what it has sent."""
    with Proxy(backend=backend, behavior='100:hang') as proxy:
        with socket.create_connection((proxy.host, proxy.port)) as client:
            client.sendall(b'hello')
            while not proxy.status()['faults']:
                time.sleep(0.01)
            client.sendall(b'hello again')
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        wait_until_no_link_is_left(proxy)


def check_tls(backend: str) -> None:
    with Proxy(backend=backend, proxy_tls='auto') as proxy:
        context = ssl.create_default_context(cafile=str(proxy.ca_file))
        client = socket.create_connection((proxy.host, proxy.port))
        with context.wrap_socket(client, server_hostname='localhost') as secure:
            secure.sendall(b'hello')
            assert secure.recv(5) == b'hello'


def check_commands(backend: str) -> None:
    process_group.PROC = Path('/nowhere')
    quick = ProcessGroup(['sh', '-c', 'echo hello'], os.environ)
    assert (quick.wait(10.0), quick.output) == (0, 'hello\n')
    assert ProcessGroup(['sh', '-c', 'sleep 60 & sleep 60'], os.environ).wait(0.1) is None
    interrupted = ProcessGroup(['sleep', '60'], os.environ)
    interrupted.interrupt()
    assert interrupted.wait(None) is None


def check_tcpgoon(backend: str) -> None:
    ports.SYSTEM = Path('/nowhere')
    host, _, port = backend.partition(':')
    target = Target.resolve(Address(host, int(port)))
    assert ports.check_ports(10**6, target) == ''
    with socket.socket() as sock:
        bind_address(sock, (host, 0))
        sock.connect((host, int(port)))


def check_workers(backend: str) -> None:
    with pytest.raises(ConfigError, match=r'^--workers: links are handed to workers on Linux only'):
        plan_companions(parse(['--backend', backend, '--workers', '2']))
    assert parse(['--workers', 'auto']).settings.size == os.cpu_count()


if __name__ == '__main__':
    signal.alarm(60)  # whatever waits in vain
    for library in LIBRARIES:
        import_module(library)
    take_away()
    from vaurien.address import Address
    from vaurien.cli.companions import plan_companions
    from vaurien.cli.flags import parse
    from vaurien.clock import Timer
    from vaurien.embedded import Proxy
    from vaurien.errors import ConfigError
    from vaurien.explore import process_group
    from vaurien.explore.process_group import ProcessGroup
    from vaurien.tcpgoon import ports
    from vaurien.tcpgoon.target import Target, bind_address

    assert Timer.__mro__ == (Timer, object)
    with socket.create_server(('127.0.0.1', 0)) as listener:
        threading.Thread(target=serve, args=[listener], daemon=True).start()
        address = f'127.0.0.1:{listener.getsockname()[1]}'
        for check in (
            check_bulk,
            check_delay,
            check_departure,
            check_tls,
            check_commands,
            check_tcpgoon,
            check_workers,
        ):
            check(address)
            print(check.__name__, flush=True)
        os._exit(0)  # the thread waits for a client
