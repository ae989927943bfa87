"""Which process of a command has connected to a proxy, as the kernel lists it under ``/proc``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from vaurien.explore.process_group import find_session

#: The state of a socket that listens, in the tables of sockets (include/net/tcp_states.h).
LISTENING = '0A'
TABLES = (Path('/proc/net/tcp'), Path('/proc/net/tcp6'))
#: The most characters of a command line that are shown.
NAME_MAX = 40

_SOCKET = re.compile(r'socket:\[(\d+)\]')


class Peer(NamedTuple):
    """A process that has connected."""

    number: int
    #: Its command line, or the beginning of it: ``node server.js``.
    name: str
    #: Whether it has started a process that listens, as tests start the application that they ask.
    has_server: bool


class _Socket(NamedTuple):
    local_port: int
    remote_port: int
    state: str
    inode: str


def find_peer(session: int, client_port: int, proxy_ports: Collection[int]) -> Peer | None:
    """Return the process of the *session* that has a connection from *client_port* to a proxy; None if none has."""
    sockets = list(_read_sockets(client_port))
    wanted = {one.inode for one in sockets if one.local_port == client_port and one.remote_port in proxy_ports}
    listening = {one.inode for one in sockets if one.state == LISTENING}
    processes = find_session(session)
    held = {process.number: _find_inodes(process.number) for process in processes}
    parents = {process.number: process.parent for process in processes}
    for number, inodes in held.items():
        if wanted & inodes:
            # A server that shares what it listens on with its workers has not started another one.
            servers = {one for one, other in held.items() if (other & listening) - inodes}
            return Peer(number, _find_name(number), any(number in _ancestors(one, parents) for one in servers))
    return None


def _ancestors(number: int, parents: dict[int, int]) -> Iterator[int]:
    while (parent := parents.get(number)) is not None:
        yield parent
        number = parent


def _read_sockets(port: int) -> Iterator[_Socket]:
    """Yield the sockets of TCP that listen, or have that local port, from the tables of proc_net(5)."""
    local_port = f':{port:04X} '
    for table in TABLES:
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            if local_port in line or f' {LISTENING} ' in line:  # there may be thousands of others
                _, local, remote, state, *rest = line.split()
                yield _Socket(_read_port(local), _read_port(remote), state, rest[5])


def _read_port(address: str) -> int:
    return int(address.rpartition(':')[2], 16)


def _find_inodes(number: int) -> set[str]:
    """Return the sockets that a process has open; none if it is somebody else's, or has ended."""
    found = set()
    with suppress(OSError):
        for path in Path(f'/proc/{number}/fd').iterdir():
            with suppress(OSError):
                if match := _SOCKET.fullmatch(str(path.readlink())):
                    found.add(match[1])
    return found


def _find_name(number: int) -> str:
    with suppress(OSError):
        program, *words = Path(f'/proc/{number}/cmdline').read_text(errors='replace').rstrip('\0').split('\0')
        name = ' '.join([Path(program).name, *words])
        return name if len(name) <= NAME_MAX else f'{name[: NAME_MAX - 1]}…'
    return ''
