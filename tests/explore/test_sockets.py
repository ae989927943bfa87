"""The sockets of this process, and those of others."""

from __future__ import annotations

import socket
import subprocess
import sys

from tests.servers import TIMEOUT
from vaurien.address import Address
from vaurien.explore.sockets import list_sockets


def test_sockets_of_this_process_are_known_by_their_addresses() -> None:
    with socket.create_server(('127.0.0.1', 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert Address(*client.getsockname()) in list_sockets()
        program = (
            'import socket, sys\n'
            f'sock = socket.create_connection({server.getsockname()!r})\n'
            'print(sock.getsockname()[1], flush=True)\n'
            'sys.stdin.read()\n'
        )
        with subprocess.Popen(
            [sys.executable, '-c', program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as other:
            assert other.stdout is not None
            port = int(other.stdout.readline())
            assert Address('127.0.0.1', port) not in list_sockets()
            other.communicate(timeout=TIMEOUT)
