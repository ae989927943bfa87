"""Real servers for the tests, each on a free port and in a directory of its own."""

from __future__ import annotations

import atexit
import getpass
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from string import Template

from mirakuru import TCPExecutor
from mirakuru.base import cleanup_subprocesses

# At its end, every process that has imported mirakuru kills whatever has a mark in which the number of that process
# occurs, anywhere. The servers of the tests have no mark, and the tests kill nobody else's.
UNMARKED = ('env', '-u', 'mirakuru_uuid')
atexit.unregister(cleanup_subprocesses)

HOST = '127.0.0.1'

#: The most seconds that anything local may take; every wait in the tests is a multiple of it.
TIMEOUT = 10.0 * float(os.environ.get('VAURIEN_TEST_TIMEOUT_SCALE', '1'))

#: Where Debian keeps servers, often not on the path of a user.
SEARCH_PATH = ':'.join(
    [
        os.environ.get('PATH', os.defpath),
        *('/usr/local/sbin', '/usr/sbin', '/sbin'),
        *sorted(map(str, Path('/usr/lib/postgresql').glob('*/bin')), reverse=True),
    ]
)

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
        listen $host:$port$ssl backlog=4096;
        $certificate
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


PROMETHEUS_CONFIG = """\
global: {{scrape_interval: {interval}}}
scrape_configs: [{{job_name: vaurien, static_configs: [{{targets: ['{address}']}}]}}]
"""


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


#: Where `free_port` looks, in an order of this process. Nobody who asks the system for any port is given one of these
#: (ip_local_port_range in ip(7)): the port stays free until the test uses it, whatever other workers and clients do.
PORTS = cycle(random.sample(range(20_000, 30_000), 10_000))


def free_port() -> int:
    """Return a TCP port of the loopback interface that nobody listens on."""
    return next(filter(_is_free, PORTS))


def _is_free(port: int) -> bool:
    with socket.socket() as sock:
        try:
            sock.bind((HOST, port))
        except OSError:
            return False
    return True


def command_path(name: str) -> str:
    """Where a command of the system is; raises `FileNotFoundError` with the remedy."""
    path = shutil.which(name, path=SEARCH_PATH)
    if path is None:
        raise FileNotFoundError(f'{name} is not installed: run scripts/install-servers {name}')
    return path


@contextmanager
def running(
    command: list[str],
    port: int,
    directory: Path,
    *,
    stop_signal: signal.Signals = signal.SIGTERM,
    timeout: float = TIMEOUT,
) -> Iterator[Server]:
    """*command*, from the moment it listens on *port* and until the block is left."""
    executor = TCPExecutor(
        [*UNMARKED, *command],
        host=HOST,
        port=port,
        cwd=str(directory),
        timeout=timeout,
        sleep=0.01,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stop_signal=stop_signal,
    )
    with executor:
        assert executor.process is not None
        yield Server(HOST, port, executor.process.pid)


@contextmanager
def redis(directory: Path, certificate: Path | None = None) -> Iterator[Server]:
    """A redis-server that keeps nothing.

    With a *certificate* (PEM, with the key and its authority) it speaks TLS, with clients whose certificate that
    authority has signed.
    """
    port = free_port()
    flags = ['--bind', HOST, '--save', '', '--appendonly', 'no', '--dir', str(directory)]
    flags += ['--logfile', str(directory / 'redis.log'), '--maxclients', '16000', '--tcp-backlog', '4096']
    if certificate is None:
        flags += ['--port', str(port)]
    else:
        flags += ['--port', '0', '--tls-port', str(port), '--tls-auth-clients', 'yes']
        flags += [word for name in ('cert', 'key', 'ca-cert') for word in (f'--tls-{name}-file', str(certificate))]
    with running([command_path('redis-server'), *flags], port, directory) as server:
        yield server


@contextmanager
def nginx(directory: Path, certificate: Path | None = None) -> Iterator[Server]:
    """An nginx with one worker. With a *certificate* (PEM, with the key) it speaks TLS, and HTTP/2, too. It serves:

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
    ssl = certificate and f'ssl_certificate {certificate}; ssl_certificate_key {certificate};'
    config.write_text(
        NGINX_CONFIG.substitute(host=HOST, port=port, user=user, ssl=' ssl http2' if ssl else '', certificate=ssl or '')
    )
    with running([command_path('nginx'), '-p', f'{directory}/', '-c', str(config)], port, directory) as server:
        yield server


@contextmanager
def memcached(directory: Path, *more_flags: str) -> Iterator[Server]:
    """A memcached that takes values of up to 64 MiB, unless *more_flags* say otherwise."""
    port = free_port()
    flags = ['-l', HOST, '-p', str(port), '-U', '0', '-u', getpass.getuser(), '-m', '256', '-I', '64m', '-c', '4096']
    command = [command_path('memcached'), *flags, *more_flags]
    with running(command, port, directory, stop_signal=signal.SIGKILL) as server:  # in order, it takes a second or two
        yield server


def _install_mariadb(command: list[str], data: Path) -> None:
    """Fill the folder *data*. Beside other installations it fails now and then, and succeeds when it is tried again."""
    for _ in range(3):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not done.returncode:
            return
        shutil.rmtree(data, ignore_errors=True)
    raise AssertionError(done.stdout + done.stderr)


@contextmanager
def mariadb(directory: Path, *more: str) -> Iterator[Server]:
    """A MariaDB with the database ``test``; the user ``tester``, with the password ``secret``, may do anything.

    *more* are further flags. It speaks TLS if these name a certificate; from MariaDB 11.4 on, it would make one itself.
    """
    port = free_port()
    data = directory / 'data'
    user = f'--user={getpass.getuser()}'
    install = [command_path('mariadb-install-db'), '--no-defaults', user, f'--datadir={data}', '--skip-test-db']
    _install_mariadb([*install, '--auth-root-authentication-method=normal'], data)
    setup = directory / 'setup.sql'
    setup.write_text(  # a statement a line
        "CREATE DATABASE test;\nCREATE USER tester@'%' IDENTIFIED BY 'secret';\nGRANT ALL ON *.* TO tester@'%' "
        'WITH GRANT OPTION;\n'
    )
    flags = [f'--bind-address={HOST}', f'--port={port}', f'--datadir={data}', f'--socket={directory}/mysql.sock', user]
    flags += [f'--init-file={setup}', f'--pid-file={directory}/mysql.pid', f'--log-error={directory}/mysql.log']
    flags += ['--max-allowed-packet=1G', '--local-infile=ON', '--max-connections=500', '--skip-name-resolve']
    flags += ['--table-open-cache=400', '--open-files-limit=4096', '--skip-ssl']
    # Nobody needs what it has not written yet: to end in order may take long.
    command = [command_path('mariadbd'), '--no-defaults', *flags, *more]
    with running(command, port, directory, stop_signal=signal.SIGKILL) as server:
        yield server


@contextmanager
def postgres(certificate: bytes | None = None) -> Iterator[Server]:
    """A PostgreSQL with the database ``postgres``; its superuser is ``tester``, with the password ``secret``.

    With a *certificate* and its key, in PEM, it speaks TLS with clients that ask for it. It refuses to be root: then it
    is ``postgres``, in a directory that he may enter.
    """
    port = free_port()
    with tempfile.TemporaryDirectory(prefix='vaurien-postgres-', ignore_cleanup_errors=True) as name:
        directory = Path(name)
        (directory / 'password').write_text('secret')
        secret = directory / 'tls.pem'
        secret.touch(mode=0o600)
        secret.write_bytes(certificate or b'')
        runas: list[str] = []
        if os.geteuid() == 0:
            runas = ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups', '--']
            for path in (directory, directory / 'password', secret):
                shutil.chown(path, 'postgres', 'postgres')
        init = [command_path('initdb'), '-D', f'{name}/data', '-U', 'tester', '-A', 'scram-sha-256', '--no-sync']
        subprocess.run([*runas, *init, f'--pwfile={name}/password'], check=True, capture_output=True, cwd=name)
        flags = ['-D', f'{name}/data', '-p', str(port), '-h', HOST, '-k', name, '-F', '-c', 'max_connections=200']
        flags += ['-c', 'log_min_messages=panic']
        if certificate is not None:
            flags += ['-c', 'ssl=on', '-c', f'ssl_cert_file={secret}', '-c', f'ssl_key_file={secret}']
        command = [*runas, command_path('postgres'), *flags]
        # On SIGTERM it would wait for its clients to leave.
        with running(command, port, directory, stop_signal=signal.SIGINT) as server:
            is_ready = [command_path('pg_isready'), '-q', '-h', HOST, '-p', str(port)]
            deadline = time.monotonic() + TIMEOUT
            while subprocess.run(is_ready, check=False).returncode:  # it listens before it lets anybody in
                assert time.monotonic() < deadline, 'PostgreSQL is not getting ready'
                time.sleep(0.02)
            yield server


@contextmanager
def prometheus(directory: Path, address: str, interval: str, *more: str) -> Iterator[Server]:
    """A Prometheus that asks the control API at that address for the metrics. *more* are further flags."""
    port = free_port()
    config = directory / 'prometheus.yml'
    config.write_text(PROMETHEUS_CONFIG.format(interval=interval, address=address))
    flags = [f'--config.file={config}', f'--storage.tsdb.path={directory}/data', '--log.level=error']
    flags += [f'--web.listen-address={HOST}:{port}']
    with running([command_path('prometheus'), *flags, *more], port, directory, timeout=6 * TIMEOUT) as server:
        yield server
