"""The contenders: what may stand between a load and its backend, and how each of them is started."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import requests

from benchmarks import certificates
from benchmarks.process import BenchError, listening
from tests.servers import SEARCH_PATH, Server, free_port

#: The delay of the contenders that delay every exchange, in seconds.
DELAY = 0.05
#: The settings of toxics on a long transfer: 1000 bytes per second, and bytes per piece.
RATE_KB = 200_000
SLICE = 10_000

BARE_LOOP = Path(__file__).with_name('bare_loop.c')

HAPROXY_CONFIG = """\
global
    nbthread 1
    maxconn 6000
    tune.pipesize {pipe_bytes}
defaults
    mode {mode}
    {options}
    timeout connect 5s
    timeout client 1m
    timeout server 1m
listen bench
    bind 127.0.0.1:{port} backlog 4096{client_side}
    server backend {backend}{backend_side}
"""


@dataclass(frozen=True)
class Endpoint:
    """The port of 127.0.0.1 that a load connects to. *pid* is the process of the proxy, or None without one."""

    port: int
    pid: int | None
    backend: Server


@dataclass(frozen=True)
class Contender:
    """A way from the load to the backend. *start* runs it; *delay* is the delay in seconds that it adds on purpose."""

    name: str
    start: Callable[[Server], AbstractContextManager[Endpoint]]
    delay: float = 0.0


@contextmanager
def direct(backend: Server) -> Iterator[Endpoint]:
    """Connect the load to the backend directly."""
    yield Endpoint(backend.port, None, backend)


@contextmanager
def haproxy(backend: Server, mode: str, spliced: bool = False, encrypted: bool = False) -> Iterator[Endpoint]:
    """Run HAProxy with one thread and its defaults. *spliced* forces `splice` both ways, with pipes of 1 MiB.

    If *encrypted*, both sides are TLS.
    """
    port = free_port()
    config = HAPROXY_CONFIG.format(
        mode=mode,
        port=port,
        backend=backend.address,
        pipe_bytes=1048576 if spliced else 65536,
        options='option splice-request\n    option splice-response' if spliced else '',
        client_side=f' ssl crt {certificates.certificate()}' if encrypted else '',
        backend_side=f' ssl verify required ca-file {certificates.authority()}' if encrypted else '',
    )
    with tempfile.NamedTemporaryFile('w', suffix='.cfg') as file:
        file.write(config)
        file.flush()
        with listening([_find('haproxy'), '-db', '-f', file.name], port) as pid:
            yield Endpoint(port, pid, backend)


@contextmanager
def vaurien(
    backend: Server, flags: tuple[str, ...], encrypted: bool = False, is_pure: bool = False
) -> Iterator[Endpoint]:
    """Run the installed command ``vaurien``. If *encrypted*, both sides are TLS. *is_pure* has Python do everything."""
    port = free_port()
    command = [str(Path(sysconfig.get_path('scripts'), 'vaurien'))]
    command += ['--proxy', f'127.0.0.1:{port}', '--backend', backend.address, *flags]
    if encrypted:
        command += ['--proxy-tls', str(certificates.certificate())]
        command += ['--backend-tls', '--backend-tls-ca', str(certificates.authority())]
    with listening(command, port, {'VAURIEN_PURE': str(int(is_pure))}) as pid:
        yield Endpoint(port, pid, backend)


@contextmanager
def looked_at(backend: Server, flags: tuple[str, ...], pages: int) -> Iterator[Endpoint]:
    """Run ``vaurien`` with its control API, and so many readers of the events that a page shows."""
    port = free_port()
    reading = [_find('curl'), '--silent', '--no-buffer', '--output', '/dev/null', f'http://127.0.0.1:{port}/events']
    with vaurien(backend, (*flags, '--http', '--http-port', str(port))) as endpoint, ExitStack() as stack:
        for _ in range(pages):
            reader = stack.enter_context(subprocess.Popen(reading, stdin=subprocess.DEVNULL))
            stack.callback(reader.kill)
        yield endpoint


@contextmanager
def bare_loop(backend: Server) -> Iterator[Endpoint]:
    """Compile and run `bare_loop.c`, which does nothing but move bytes."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix='vaurien-bench-') as directory:
        program = str(Path(directory, 'bare_loop'))
        try:
            subprocess.run(['cc', '-O2', '-o', program, str(BARE_LOOP)], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise BenchError(f'no bare loop without a compiler of C: {error}') from error
        with listening([program, str(port), str(backend.port)], port) as pid:
            yield Endpoint(port, pid, backend)


@contextmanager
def toxiproxy(backend: Server, toxic: Mapping[str, Any] | None = None) -> Iterator[Endpoint]:
    """Run Toxiproxy with one proxy, which is set up over its API."""
    port, api_port = free_port(), free_port()
    api = f'http://127.0.0.1:{api_port}/proxies'
    proxy = {'name': 'bench', 'listen': f'127.0.0.1:{port}', 'upstream': backend.address, 'enabled': True}
    with listening([_find('toxiproxy-server'), '-host', '127.0.0.1', '-port', str(api_port)], api_port) as pid:
        requests.post(api, json=proxy, timeout=5).raise_for_status()
        if toxic is not None:
            requests.post(f'{api}/bench/toxics', json=toxic, timeout=5).raise_for_status()
        yield Endpoint(port, pid, backend)


def _find(command: str) -> str:
    path = shutil.which(command, path=SEARCH_PATH)
    if path is None:
        raise BenchError(f'{command} is not installed')
    return path


def _vaurien(name: str, *flags: str, delay: float = 0.0, encrypted: bool = False, is_pure: bool = False) -> Contender:
    return Contender(f'vaurien {name}', partial(vaurien, flags=flags, encrypted=encrypted, is_pure=is_pure), delay)


def _toxiproxy(name: str, kind: str, stream: str, delay: float = 0.0, **attributes: int) -> Contender:
    toxic = {'type': kind, 'stream': stream, 'attributes': attributes}
    return Contender(f'Toxiproxy {name}', partial(toxiproxy, toxic=toxic), delay)


def _aimed(patterns: tuple[str, ...]) -> tuple[str, str]:
    """Return flags that arm an error for each of the *patterns*."""
    return '--behavior', ','.join(f"100:error(match='{pattern}')" for pattern in patterns)


#: A rule that is drawn for one exchange in 10^8, so almost never. Its delay is 0, so that it does no harm then.
ARMED = ('--behavior', '0.000001:delay', '--behavior-delay-sleep', '0')

#: Every exchange is recorded. No disk is measured with it.
RECORDED = ('--journal', '/dev/null')

#: Ten patterns that no request of a load matches.
AIMED_REDIS = (
    'SET *',
    'DEL *',
    'GET user:*',
    'GET cart:?',
    'HSET *',
    'INCR *',
    'LPUSH *',
    'EXPIRE *',
    'MULTI',
    '*:lock',
)
AIMED_HTTP = (
    *('POST *', 'GET /orders*', 'GET /users/?', 'DELETE *', 'PUT *', 'PATCH *', 'HEAD *'),
    *('GET /*.json', '*/admin/*', 'GET /login'),
)

DIRECT = Contender('direct', direct)
HAPROXY_TCP = Contender('HAProxy tcp', partial(haproxy, mode='tcp'))
HAPROXY_SPLICED = Contender('HAProxy tcp, spliced', partial(haproxy, mode='tcp', spliced=True))
HAPROXY_HTTP = Contender('HAProxy http', partial(haproxy, mode='http'))
BARE_LOOP_TCP = Contender('bare loop', bare_loop)
VAURIEN_TCP = _vaurien('tcp')
VAURIEN_TCP_PURE = _vaurien('tcp, pure', is_pure=True)
VAURIEN_REDIS = _vaurien('redis', '--protocol', 'redis')
VAURIEN_REDIS_ARMED = _vaurien('redis, armed', '--protocol', 'redis', *ARMED)
VAURIEN_REDIS_AIMED = _vaurien('redis, ten patterns', '--protocol', 'redis', *_aimed(AIMED_REDIS))
VAURIEN_REDIS_RECORDED = _vaurien('redis, journal', '--protocol', 'redis', *RECORDED)
VAURIEN_HTTP = _vaurien('http', '--protocol', 'http')
VAURIEN_HTTP_ARMED = _vaurien('http, armed', '--protocol', 'http', *ARMED)
VAURIEN_HTTP_AIMED = _vaurien('http, ten patterns', '--protocol', 'http', *_aimed(AIMED_HTTP))
VAURIEN_HTTP_RECORDED = _vaurien('http, journal', '--protocol', 'http', *RECORDED)
VAURIEN_MEMCACHE_ARMED = _vaurien('memcache, armed', '--protocol', 'memcache', *ARMED)
VAURIEN_MYSQL_ARMED = _vaurien('mysql, armed', '--protocol', 'mysql', *ARMED)
VAURIEN_POSTGRES_ARMED = _vaurien('postgres, armed', '--protocol', 'postgres', *ARMED)
VAURIEN_DELAY = _vaurien(
    '50 ms delay', '--protocol', 'redis', '--behavior', '100:delay', '--behavior-delay-sleep', str(DELAY), delay=DELAY
)
#: Each exchange is held by a behavior, for no time: much work for the proxy, and little for the load and the backend.
HELD = ('--protocol', 'redis', '--behavior', '100:delay', '--behavior-delay-sleep', '0', '--log-level', 'error')
VAURIEN_HELD = _vaurien('one process', *HELD)
VAURIEN_TWO_WORKERS = _vaurien('two workers', *HELD, '--workers', '2')
VAURIEN_NO_PAGE, VAURIEN_ONE_PAGE, VAURIEN_TWENTY_PAGES = (
    Contender(f'vaurien {name}', partial(looked_at, flags=('--protocol', 'redis', *ARMED), pages=pages))
    for name, pages in (('no page', 0), ('one page', 1), ('twenty pages', 20))
)
VAURIEN_LATENCY = _vaurien('50 ms latency', '--toxic', f'latency(latency={1000 * DELAY:g})', delay=DELAY)
VAURIEN_BANDWIDTH = _vaurien('bandwidth', '--toxic', f'bandwidth(rate={RATE_KB})@upstream')
VAURIEN_SLICER = _vaurien('slicer', '--toxic', f'slicer(average_size={SLICE})@upstream')
HAPROXY_TLS_TCP = Contender('HAProxy tcp, TLS', partial(haproxy, mode='tcp', encrypted=True))
HAPROXY_TLS_HTTP = Contender('HAProxy http, TLS', partial(haproxy, mode='http', encrypted=True))
VAURIEN_TLS_TCP = _vaurien('tcp, TLS', encrypted=True)
VAURIEN_TLS_HTTP_ARMED = _vaurien('http, TLS, armed', '--protocol', 'http', *ARMED, encrypted=True)
TOXIPROXY = Contender('Toxiproxy', toxiproxy)
TOXIPROXY_LATENCY = _toxiproxy('50 ms latency', 'latency', 'downstream', delay=DELAY, latency=int(1000 * DELAY))
TOXIPROXY_BANDWIDTH = _toxiproxy('bandwidth', 'bandwidth', 'upstream', rate=RATE_KB)
TOXIPROXY_SLICER = _toxiproxy('slicer', 'slicer', 'upstream', average_size=SLICE)


def has_toxiproxy() -> bool:
    """Return whether Toxiproxy is installed. It is optional."""
    return shutil.which('toxiproxy-server', path=SEARCH_PATH) is not None
