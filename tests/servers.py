"""Real servers for the tests, each on a free port and in a directory of its own: Redis and nginx."""

from __future__ import annotations

import getpass
import os
import random
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template

from mirakuru import TCPExecutor

HOST = '127.0.0.1'

#: The most seconds that anything local may take; every wait in the tests is a multiple of it.
TIMEOUT = 5.0 * float(os.environ.get('VAURIEN_TEST_TIMEOUT_SCALE', '1'))

#: Where Debian keeps servers, often not on the path of a user.
SEARCH_PATH = f'{os.environ.get("PATH", os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin'

#: What nginx serves as ``/``, and in chunks as ``/chunked``.
INDEX = b'<!doctype html>\n<title>backend</title>\n<p>It works.\n'
#: What nginx serves as ``/large``, in bytes that no two offsets share for long.
LARGE = random.Random(1).randbytes(8 * 1024 * 1024)

NGINX_CONFIG = Template("""\
daemon off;
worker_processes 1;
pid nginx.pid;
error_log error.log;
$user
events { worker_connections 8192; }
http {
    access_log off;
    default_type text/html;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    client_max_body_size 0;
    keepalive_requests 100000000;
    server {
        listen $host:$port backlog=4096;
        root files;
        location = / { try_files /index.html =404; }
        location = /large { try_files /large.bin =404; }
        location = /chunked { ssi on; try_files /index.html =404; }
        location = /until-close { ssi on; chunked_transfer_encoding off; try_files /index.html =404; }
        location = /large-chunked { ssi on; ssi_types *; try_files /large.bin =404; }
        location = /last { keepalive_timeout 0; try_files /index.html =404; }
        location = /ok { return 200 "ok\\n"; }
        location = /no-content { return 204; }
        location = /unavailable { return 503 "out of order\\n"; }
        location /upload/ { dav_methods PUT DELETE; create_full_put_path on; }
    }
}
""")


@dataclass(frozen=True)
class Server:
    """A server that is running and reachable."""

    host: str
    port: int
    pid: int

    @property
    def address(self) -> str:
        """``host:port``."""
        return f'{self.host}:{self.port}'

    @property
    def url(self) -> str:
        """``http://host:port``, without a slash at the end."""
        return f'http://{self.address}'


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on now."""
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        port: int = sock.getsockname()[1]
        return port


def command_path(name: str) -> str:
    """Where a command of the system is; raises `FileNotFoundError` with the remedy."""
    path = shutil.which(name, path=SEARCH_PATH)
    if path is None:
        raise FileNotFoundError(f'{name} is not installed: run scripts/install-servers {name}')
    return path


@contextmanager
def running(command: list[str], port: int, directory: Path) -> Iterator[Server]:
    """*command*, from the moment it listens on *port* and until the block is left."""
    executor = TCPExecutor(
        command,
        host=HOST,
        port=port,
        cwd=str(directory),
        timeout=TIMEOUT,
        sleep=0.01,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    with executor:
        assert executor.process is not None
        yield Server(HOST, port, executor.process.pid)


@contextmanager
def redis(directory: Path) -> Iterator[Server]:
    """A redis-server that keeps nothing."""
    port = free_port()
    flags = ['--bind', HOST, '--port', str(port), '--save', '', '--appendonly', 'no', '--dir', str(directory)]
    flags += ['--logfile', str(directory / 'redis.log'), '--maxclients', '16000', '--tcp-backlog', '4096']
    with running([command_path('redis-server'), *flags], port, directory) as server:
        yield server


@contextmanager
def nginx(directory: Path) -> Iterator[Server]:
    """An nginx with one worker. What it serves:

    ``/``               `INDEX`, with a length, an ETag and ranges
    ``/large``          `LARGE`, likewise
    ``/chunked``        `INDEX`, chunked for HTTP/1.1, until the connection closes for HTTP/1.0
    ``/large-chunked``  `LARGE`, likewise
    ``/until-close``    `INDEX`, always until the connection closes
    ``/last``           `INDEX`, and ``Connection: close``
    ``/ok``             ``ok``, whatever the method and body
    ``/no-content``     204
    ``/unavailable``    503
    ``/upload/NAME``    takes PUT, gives it back to GET, forgets it on DELETE
    """
    port = free_port()
    files = directory / 'files'
    (files / 'upload').mkdir(parents=True)
    (files / 'index.html').write_bytes(INDEX)
    (files / 'large.bin').write_bytes(LARGE)
    # Started as root, the worker would become nobody, who may not enter the directory.
    user = f'user {getpass.getuser()};' if os.geteuid() == 0 else ''
    config = directory / 'nginx.conf'
    config.write_text(NGINX_CONFIG.substitute(host=HOST, port=port, user=user))
    with running([command_path('nginx'), '-p', f'{directory}/', '-c', str(config)], port, directory) as server:
        yield server
