"""Real servers on free ports, in directories of their own: Redis and PostgreSQL."""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mirakuru import Executor, TCPExecutor

HOST = '127.0.0.1'
#: Where Debian keeps the programs of PostgreSQL, which are not on the path.
PATH = ':'.join([os.environ['PATH'], *map(str, Path('/usr/lib/postgresql').glob('*/bin'))])


@contextmanager
def redis() -> Iterator[str]:
    """A Redis that keeps nothing; gives its URL."""
    port = free_port()
    with _running(['redis-server', '--bind', HOST, '--port', str(port), '--save', ''], port):
        yield f'redis://{HOST}:{port}/0'


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL whose data is gone in the end; gives its URL."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix='shop-', ignore_cleanup_errors=True) as directory:
        as_user = []
        if getpass.getuser() == 'root':  # which PostgreSQL refuses to be
            as_user = ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups', '--']
            shutil.chown(directory, 'postgres', 'postgres')
        init = [*as_user, _find('initdb'), '-D', f'{directory}/data', '-U', 'shop', '-A', 'trust', '--no-sync']
        subprocess.run(init, check=True, capture_output=True, cwd=directory)
        flags = ['-D', f'{directory}/data', '-p', str(port), '-h', HOST, '-k', directory, '-F']
        with _running([*as_user, _find('postgres'), *flags], port):
            # It listens before it lets anybody in.
            yield _wait_until_ready(f'postgresql://shop@{HOST}:{port}/postgres')


def _wait_until_ready(url: str) -> str:
    for _ in range(500):
        if subprocess.run([_find('pg_isready'), '-q', '-d', url], check=False).returncode == 0:
            return url
        time.sleep(0.02)
    raise TimeoutError('PostgreSQL is not getting ready')


def _running(command: list[str], port: int) -> Executor:
    # Any process with mirakuru kills, at its end, whatever has a mark in which the number of that process occurs.
    command = ['env', '-u', 'mirakuru_uuid', *command]
    quiet = {'stdin': subprocess.DEVNULL, 'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL}
    return TCPExecutor(command, HOST, port, timeout=30, sleep=0.01, stop_signal=signal.SIGINT, **quiet)


def _find(name: str) -> str:
    return shutil.which(name, path=PATH) or name


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server((HOST, 0)) as server:
        return server.getsockname()[1]
