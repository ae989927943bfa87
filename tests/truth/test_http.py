"""HTTP: what a client sees when nginx fails, and when Vaurien answers in the place of an nginx that does not."""

from __future__ import annotations

import getpass
import http.client
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext, suppress
from itertools import cycle, islice
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import httpx
import pytest
import requests
import urllib3
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as open_websocket

from tests.peers import Peer, RawBackend
from tests.servers import HOST, TIMEOUT, command_path, free_port, running
from tests.truth.conftest import Show
from vaurien import Proxy

#: Two servers: one fails, each path in its own way, and the other one does what it is asked to.
CONFIG = Template("""\
daemon off;
worker_processes 1;
pid nginx.pid;
error_log error.log;
$user
events { worker_connections 1024; }
http {
    access_log off;
    server_tokens off;
    default_type text/html;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    client_max_body_size 0;
    limit_req_zone $$binary_remote_addr zone=requests:64k rate=1r/m;
    dav_methods PUT;
    create_full_put_path on;
    add_header X-Port $$remote_port always;
    server {
        listen $host:$failing;
        root failing;
        large_client_header_buffers 4 2k;
        location /next { return 200 "ok\\n"; }
        location /too-large { client_max_body_size 9; }
        location /busy { limit_req zone=requests; }
        location /slow-down { limit_req zone=requests; limit_req_status 429; }
        location /later { limit_req zone=requests; error_page 503 @later; }
        location @later { add_header Retry-After 7 always; return 503; }
        location /denied { deny all; }
        location /secret { auth_basic "orders"; auth_basic_user_file nobody; }
        location /dead { proxy_pass http://$host:$dead; }
        location /silent { proxy_pass http://$host:$silent; proxy_read_timeout 50ms; }
        location /never { proxy_pass http://$host:$silent; proxy_read_timeout 1h; }
        location /dying { proxy_pass http://$host:$dying; }
        location /loop { rewrite ^ /loop last; }
        location /lost { proxy_pass http://$host:$losing; error_page 502 @gone; }
        location /gone { return 444; }
        location @gone { return 444; }
    }
    server {
        listen $host:$healthy;
        root healthy;
        location /next { return 200 "ok\\n"; }
    }
}
""")
#: A proxy in front of the healthy nginx that wants requests whole, and soon.
HURRIED_CONFIG = Template("""\
defaults
    mode http
    timeout connect 10m
    timeout client 10m
    timeout server 10m
    timeout http-keep-alive 10m
    timeout http-request 1s
listen hurried
    bind $host:$port
    option http-buffer-request
    http-response set-header X-Port %[src_port]
    server healthy $host:$healthy
""")
#: What nginx sends with an error.
PAGE = """\
<html>\r
<head><title>{title}</title></head>\r
<body>\r
<center><h1>{title}</h1></center>\r
<hr><center>nginx</center>\r
</body>\r
</html>\r
"""
#: The reply that an upstream dies in, and how much of it comes.
DYING, LEFT = b'half of this is lost ' * 100, 1050

SMALL = b'0123456789'
LARGE = SMALL * 100_000

#: What a client sees of one request: status, reason, headers and body; or names of exceptions, and the last one's text.
Seen = tuple[Any, ...]
#: Makes a body anew for each request.
Body = Callable[[], Any]


def stream(size: int) -> Body:
    """Return a body that comes in pieces."""
    return lambda: islice(cycle([LARGE[:1000]]), size // 1000)


class Client:
    """Makes requests, one after the other; *port* is the server's."""

    def __init__(self, port: int) -> None:
        self.url = f'http://{HOST}:{port}'

    def ask(self, method: str, path: str, body: Any, headers: dict[str, str], timeout: float) -> Seen:
        """Make one request."""
        raise NotImplementedError

    def close(self) -> None:
        """Leave."""


class Requests(Client):
    """A session of ``requests``."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.session = requests.Session()
        self.session.trust_env = False

    def ask(self, method: str, path: str, body: Any, headers: dict[str, str], timeout: float) -> Seen:
        response = self.session.request(method, self.url + path, data=body, headers=headers, timeout=timeout)
        return response.status_code, response.reason, response.headers.items(), response.content

    def close(self) -> None:
        self.session.close()


class HTTPX(Client):
    """A client of ``httpx``."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.client = httpx.Client(trust_env=False)

    def ask(self, method: str, path: str, body: Any, headers: dict[str, str], timeout: float) -> Seen:
        response = self.client.request(method, self.url + path, content=body, headers=headers, timeout=timeout)
        return response.status_code, response.reason_phrase, response.headers.items(), response.content

    def close(self) -> None:
        self.client.close()


class URLLib3(Client):
    """A pool of ``urllib3`` with one connection and no retries."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.pool = urllib3.HTTPConnectionPool(HOST, port, maxsize=1, retries=False)

    def ask(self, method: str, path: str, body: Any, headers: dict[str, str], timeout: float) -> Seen:
        response = self.pool.request(method, path, body=body, headers=headers, timeout=timeout)
        return response.status, response.reason, response.headers.items(), response.data

    def close(self) -> None:
        self.pool.close()


class Standard(Client):
    """The connection of ``http.client``, which opens itself again."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.connection = http.client.HTTPConnection(HOST, port)

    def ask(self, method: str, path: str, body: Any, headers: dict[str, str], timeout: float) -> Seen:
        connection = self.connection
        connection.timeout = timeout
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        try:
            return self._ask(method, path, body, headers)
        except (OSError, http.client.HTTPException):
            connection.close()
            raise

    def _ask(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Seen:
        self.connection.request(method, path, body, headers)
        return self._read()

    def _read(self) -> Seen:
        response = self.connection.getresponse()
        return response.status, response.reason, response.getheaders(), response.read()

    def close(self) -> None:
        self.connection.close()


class Waiting(Standard):
    """The same, but it reads the response in the middle of a body that comes in pieces, and only then goes on."""

    def _ask(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Seen:
        if not isinstance(body, Iterator):
            return super()._ask(method, path, body, headers)
        connection = self.connection
        connection.putrequest(method, path)
        connection.putheader('Transfer-Encoding', 'chunked')
        connection.endheaders()
        first, *rest = [b'%x\r\n%b\r\n' % (len(piece), piece) for piece in body]
        connection.send(first)
        seen = self._read()
        if connection.sock is not None:
            connection.send(b''.join([*rest, b'0\r\n\r\n']))
        return seen


DRIVERS: dict[str, type[Client]] = {
    'requests': Requests,
    'httpx': HTTPX,
    'urllib3': URLLib3,
    'http.client': Standard,
    'http.client, the client waits for the answer in the middle': Waiting,
}


class Situation(NamedTuple):
    """A request that fails, how nginx is made to fail, and the fault that is to look the same."""

    real: str
    method: str
    path: str
    #: What the page shows of the options of `error`.
    fault: dict[str, Any]
    #: The heading of nginx's page, behind the code, and the text in the status line if that differs.
    title: str
    reason: str | None = None
    body: Body = lambda: None
    #: The code and the heading of later versions, if they differ.
    later: tuple[int, str] | None = None


CLOSE = {'Connection': 'close'}
STREAMED = (
    'a streamed upload is too large',
    'too many requests, to a streamed upload',
    'not for this client, to a streamed upload',
)
BUSY, TOO_LARGE = 'Service Temporarily Unavailable', 'Request Entity Too Large'
SITUATIONS = {
    'an upload is too large': Situation(
        'client_max_body_size', 'PUT', '/too-large', {'code': 413}, TOO_LARGE, body=lambda: LARGE
    ),
    'a streamed upload is too large': Situation(
        'client_max_body_size', 'PUT', '/too-large', {'code': 413}, TOO_LARGE, body=stream(1_000_000)
    ),
    'too many requests': Situation('limit_req', 'GET', '/busy', {'code': 503}, BUSY),
    'too many requests, to HEAD': Situation('limit_req', 'HEAD', '/busy', {'code': 503}, BUSY),
    'too many requests, to an upload': Situation('limit_req', 'PUT', '/busy', {'code': 503}, BUSY, body=lambda: LARGE),
    'too many requests, to a streamed upload': Situation(
        'limit_req', 'PUT', '/busy', {'code': 503}, BUSY, body=stream(1_000_000)
    ),
    'too many requests of this client': Situation(
        'limit_req_status', 'GET', '/slow-down', {'code': 429}, 'Too Many Requests'
    ),
    'try again later': Situation('limit_req, add_header', 'GET', '/later', {'code': 503, 'retry_after': 7}, BUSY),
    'not for this client': Situation('deny', 'GET', '/denied', {'code': 403}, 'Forbidden'),
    'not for this client, to a streamed upload': Situation(
        'deny', 'PUT', '/denied', {'code': 403}, 'Forbidden', body=stream(1_000_000)
    ),
    'no password, to an upload': Situation(
        'auth_basic',
        'PUT',
        '/secret',
        {'code': 401, 'headers': {'WWW-Authenticate': 'Basic realm="orders"'}},
        'Authorization Required',
        'Unauthorized',
        body=lambda: LARGE,
    ),
    'no such thing': Situation('no such file', 'GET', '/missing', {'code': 404}, 'Not Found'),
    'a method that is not allowed': Situation(
        'POST to a file', 'POST', '/file', {'code': 405}, 'Not Allowed', body=lambda: SMALL
    ),
    'a target that is too long': Situation(
        'large_client_header_buffers',
        'GET',
        f'/{3000 * "x"}',
        {'code': 414, 'headers': CLOSE},
        'Request-URI Too Large',
    ),
    'a server that is broken': Situation(
        'a cycle of rewrite', 'GET', '/loop', {'code': 500, 'headers': CLOSE}, 'Internal Server Error'
    ),
    'a tunnel is refused': Situation(
        *('no tunnels', 'CONNECT', 'other:443', {'code': 400, 'headers': CLOSE}, 'Bad Request'),
        later=(405, 'Not Allowed'),
    ),
    'the server behind it is down': Situation('proxy_pass to nobody', 'GET', '/dead', {'code': 502}, 'Bad Gateway'),
    'the server behind it is down, after an upload': Situation(
        'proxy_pass to nobody', 'PUT', '/dead', {'code': 502}, 'Bad Gateway', body=lambda: LARGE
    ),
    'the server behind it is too slow': Situation(
        'proxy_read_timeout', 'GET', '/silent', {'code': 504}, 'Gateway Time-out'
    ),
}
#: Those that send all of a request before they read.
PATIENT = ('requests', 'httpx', 'urllib3', 'http.client')
#: What is shown with another driver than the first one. Streamed uploads are shown with all.
OTHERS = {'a tunnel is refused': 'http.client'}
CASES = [
    (driver, name)
    for driver in DRIVERS
    for name in SITUATIONS
    if name in STREAMED or driver == OTHERS.get(name, 'requests')
]
#: What comes after the request that failed.
FOLLOWING = ('POST', '/next', SMALL), ('GET', '/missing'), ('HEAD', '/next'), ('GET', '/file'), ('GET', '/next')


class Servers(NamedTuple):
    """The nginx that fails, and the one that does not."""

    failing: int
    healthy: int
    directory: Path
    #: The bodies that were taken without an answer.
    taken: list[bytes]

    def stored(self) -> list[list[str]]:
        """Return which files each of them has."""
        return [sorted(path.name for path in (self.directory / name).rglob('*')) for name in ('failing', 'healthy')]


def die(peer: Peer) -> None:
    """Leave in the middle of a reply."""
    peer.recv_until(b'\r\n\r\n')
    peer.send(b'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n' % len(DYING))
    peer.send(DYING[:LEFT])


def be_silent(peer: Peer) -> None:
    """Read, until the client leaves."""
    with suppress(ConnectionError):
        peer.sock.settimeout(None)
        peer.recv_all()


@pytest.fixture(scope='module')
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Run both."""
    directory = tmp_path_factory.mktemp('truth-http')
    for name in ('failing', 'healthy'):
        (directory / name).mkdir()
        (directory / name / 'file').write_text('ok\n')
        os.utime(directory / name / 'file', (0, 0))  # or else they would have different ETags
    (directory / 'healthy' / 'dying').write_bytes(DYING)
    taken: list[bytes] = []

    def take(peer: Peer) -> None:
        peer.recv_until(b'\r\n\r\n')
        taken.append(peer.recv_exactly(len(SMALL)))

    with ExitStack() as stack:
        silent, dying, losing = (
            stack.enter_context(closing(RawBackend().serve(script))) for script in (be_silent, die, take)
        )
        ports = {'failing': free_port(), 'healthy': free_port()}
        user = f'user {getpass.getuser()};' if os.geteuid() == 0 else ''
        upstreams = {'dead': free_port(), 'silent': silent.port, 'dying': dying.port, 'losing': losing.port}
        config = directory / 'nginx.conf'
        config.write_text(CONFIG.substitute(ports, **upstreams, host=HOST, user=user))
        with running([command_path('nginx'), '-p', f'{directory}/', '-c', str(config)], ports['healthy'], directory):
            yield Servers(**ports, directory=directory, taken=taken)


def see(
    client: Client, method: str, path: str, body: Any = None, headers: Any = None, timeout: float = TIMEOUT
) -> Seen:
    """Make a request; return what came of it."""
    try:
        status, reason, fields, content = client.ask(method, path, body, headers or {}, timeout)
    except (OSError, http.client.HTTPException, httpx.HTTPError, urllib3.exceptions.HTTPError) as error:
        return tuple(name_causes(error))
    return status, reason, dict(sorted((name.lower(), value) for name, value in fields)), content


def name_causes(error: BaseException | None) -> Iterator[str]:
    """Yield the types and texts of an exception and of those behind it, without ports and addresses."""
    while error is not None:
        yield re.sub(r'0x\w+|\d{5}', 'N', f'{type(error).__name__}: {error}')
        error = error.__context__


def fate(
    driver: str, port: int, *request: Any, failing: Callable[[], AbstractContextManager[object]] = nullcontext
) -> list[Seen]:
    """Return what a client sees of a request that fails, between one before it and five behind it."""
    client = DRIVERS[driver](port)
    try:
        seen = [see(client, 'GET', '/next')]
        with failing():
            seen.append(see(client, *request))
        seen += [see(client, *following) for following in FOLLOWING]
    finally:
        client.close()
    ports: list[str] = []
    for number, answer in enumerate(seen):
        if isinstance(answer[0], int):
            clean(answer[2], ports, fails=number == 1)
    return seen


def clean(fields: dict[str, str], ports: list[str], *, fails: bool) -> None:
    """Leave in the header what matters: of the client's port, only whether it was used before."""
    fields.pop('date', '')
    if fields.get('connection') == 'keep-alive':  # as it is unless something else is said
        del fields['connection']
    port = fields.pop('x-port', '')
    if not fails:
        ports += [port] if port not in ports else []
        fields['connection number'] = str(ports.index(port))


def arm(proxy: Proxy, situation: Situation) -> None:
    """Have the healthy nginx seem to fail like the other one, once."""
    chosen = dict(situation.fault)
    headers = {'Server': 'nginx', 'Content-Type': 'text/html', **chosen.pop('headers', {})}
    page = PAGE.format(title=f'{chosen["code"]} {situation.title}')
    reason, match = situation.reason or situation.title, f'{situation.method} {situation.path[:20]}*'
    proxy.set_behavior('error', match=match, times=1, reason=reason, headers=headers, body=page, **chosen)


def write_out(fault: dict[str, Any]) -> str:
    """Return the fault as the page shows it, without what is the same for all."""
    return f'error({", ".join(f"{name}={value!r}" for name, value in fault.items())})'


@pytest.mark.parametrize(('driver', 'name'), CASES)
def test_a_request_fails(servers: Servers, show: Show, driver: str, name: str) -> None:
    situation = SITUATIONS[name]
    package, _, how = driver.partition(', ')
    real = f'nginx: {situation.real}'
    show(
        protocol='http',
        driver=package,
        situation=', '.join(filter(None, [name, how])),
        fault=write_out(situation.fault),
        real=real,
    )
    method, path = situation.method, situation.path
    before = servers.stored()
    if 'limit_req' in situation.real:  # this is the one request of this minute
        requests.get(f'http://{HOST}:{servers.failing}{path}', timeout=TIMEOUT)
    seen = fate(driver, servers.failing, method, path, situation.body())
    if situation.later is not None and seen[1][:2] == situation.later:
        code, title = situation.later
        situation = situation._replace(fault={**situation.fault, 'code': code}, title=title)
    assert seen[1][:2] == (situation.fault['code'], situation.reason or situation.title)
    with Proxy(f'{HOST}:{servers.healthy}', 'http') as proxy:
        arm(proxy, situation)
        assert fate(driver, proxy.address.port, method, path, situation.body()) == seen
        assert proxy.status()['faults'] == {'error': 1}
    assert servers.stored() == before


#: A request without a good end: the fault, how nginx is made to fail, the path, and for how many seconds the client
#: waits.
ENDS = {
    'no answer': ('hang', 'an upstream that is silent', '/never', 0.2),
    'no answer, the connection is closed': ('blackout', 'return 444', '/gone', TIMEOUT),
}


@pytest.mark.parametrize('driver', PATIENT)
@pytest.mark.parametrize('name', ENDS)
def test_no_answer(servers: Servers, show: Show, driver: str, name: str) -> None:
    fault, how, path, timeout = ENDS[name]
    show(protocol='http', driver=driver, situation=name, fault=fault, real=f'nginx: {how}')
    request = 'GET', path, None, None, timeout
    real = fate(driver, servers.failing, *request)
    assert isinstance(real[1][0], str), 'an exception'
    with Proxy(f'{HOST}:{servers.healthy}', 'http') as proxy:
        proxy.set_behavior(fault, match=f'GET {path}', times=1)
        assert fate(driver, proxy.address.port, *request) == real


@pytest.mark.parametrize('driver', PATIENT)
def test_half_an_answer(servers: Servers, show: Show, driver: str) -> None:
    show(
        protocol='http',
        driver=driver,
        situation='an answer breaks off in the middle',
        fault='limit_data(bytes=…)',
        real='nginx: an upstream that dies',
    )
    real = fate(driver, servers.failing, 'GET', '/dying')
    assert f'{LEFT} ' in str(real[1])
    with Peer.connect(servers.healthy) as direct:
        direct.send(b'GET /dying HTTP/1.1\r\nHost: x\r\n\r\n')
        size = len(direct.recv_until(b'\r\n\r\n')) + LEFT
    with Proxy(f'{HOST}:{servers.healthy}', 'http') as proxy:

        def failing() -> AbstractContextManager[object]:
            return proxy.toxic('limit_data', bytes=size)

        assert fate(driver, proxy.address.port, 'GET', '/dying', failing=failing) == real


@pytest.mark.parametrize('driver', PATIENT)
def test_done_without_an_answer(servers: Servers, show: Show, driver: str) -> None:
    show(
        protocol='http',
        driver=driver,
        situation='an upload is stored, and the connection is closed without an answer',
        fault='abort',
        real='nginx: an upstream that dies, return 444',
    )
    servers.taken.clear()
    real = fate(driver, servers.failing, 'PUT', '/lost', SMALL)
    assert servers.taken == [SMALL]
    with Proxy(f'{HOST}:{servers.healthy}', 'http') as proxy:
        proxy.set_behavior('abort', match='PUT /lost', times=1)
        assert fate(driver, proxy.address.port, 'PUT', '/lost', SMALL) == real
    stored = servers.directory / 'healthy' / 'lost'
    assert stored.read_bytes() == SMALL
    stored.unlink()


def test_a_websocket_is_refused(servers: Servers, show: Show) -> None:
    fault = 'error(code=403)'
    situation = 'an upgrade to WebSocket is refused'
    show(protocol='http', driver='websockets', situation=situation, fault=fault, real='nginx: deny')

    def refused(port: int) -> Seen:
        url = f'ws://{HOST}:{port}/denied'
        with pytest.raises(InvalidStatus) as caught, open_websocket(url, open_timeout=TIMEOUT, proxy=None):
            pass
        response = caught.value.response
        fields = {name.lower(): value for name, value in response.headers.raw_items()}
        clean(fields, [], fails=True)
        return str(caught.value), response.status_code, response.reason_phrase, fields, response.body

    real = refused(servers.failing)
    with Proxy(f'{HOST}:{servers.healthy}', 'http') as proxy:
        arm(proxy, Situation('deny', 'GET', '/denied', {'code': 403}, 'Forbidden'))
        assert refused(proxy.address.port) == real


#: What curl says behind each body: status, type, its own exit status, and whether it had to connect.
CURL_SAYS = '\n%{http_code} %{content_type}, %{exitcode}, %{num_connects} new\n'
CURL = {
    'an upload is too large, the client asks first': ('an upload is too large', 'Expect: 100-continue'),
    'not for this client, to an upload that asks first': (
        'not for this client, to a streamed upload',
        'Expect: 100-continue',
    ),
    'not for this client, to a large upload': ('not for this client, to a streamed upload', 'Expect:'),
}


@pytest.mark.parametrize('name', CURL)
def test_curl_stops_sending(servers: Servers, show: Show, tmp_path: Path, name: str) -> None:
    """It reads while it sends, and sends no more than it has to."""
    situation, expect = SITUATIONS[CURL[name][0]], CURL[name][1]
    fault = write_out(situation.fault)
    show(protocol='http', driver='curl', situation=name, fault=fault, real=f'nginx: {situation.real}')
    body = tmp_path / 'body'
    with body.open('wb') as file:
        file.truncate(100_000_000)
    upload = ['--upload-file', str(body), '--header', expect]

    def told(port: int) -> str:
        paths = ['/next', situation.path, *(str(path) for _, path, *_ in FOLLOWING)]
        command = [command_path('curl')]
        for number, path in enumerate(paths):
            command += ['--silent', '--noproxy', '*', '--max-time', str(TIMEOUT), '--write-out', CURL_SAYS]
            command += [*(upload if number == 1 else []), f'http://{HOST}:{port}{path}', '--next']
        return subprocess.run(command[:-1], capture_output=True, text=True, check=False).stdout

    real = told(servers.failing)
    assert f'\n{situation.fault["code"]} text/html,' in real
    assert re.findall('(.) new', real) == list('1010000'), 'the connection cannot be used again'
    with Proxy(f'{HOST}:{servers.healthy}', 'http') as proxy:
        arm(proxy, situation)
        assert told(proxy.address.port) == real
        assert proxy.status()['bytes']['upstream'] < 100_000_000


def test_a_request_comes_too_slowly(servers: Servers, show: Show, tmp_path: Path) -> None:
    """The client waits in the middle of its request, and so does the server."""
    driver = 'http.client, the client waits for the answer in the middle'
    package, _, how = driver.partition(', ')
    show(
        protocol='http',
        driver=package,
        situation=f'a streamed upload is too slow, {how}',
        fault='error(code=408)',
        real='HAProxy: timeout http-request',
    )
    port = free_port()
    config = tmp_path / 'haproxy.cfg'
    config.write_text(HURRIED_CONFIG.substitute(host=HOST, port=port, healthy=servers.healthy))
    body = stream(2000)
    with running([command_path('haproxy'), '-db', '-f', str(config)], port, tmp_path):
        real = fate(driver, port, 'PUT', '/slow', body())
    code, reason, fields, page = real[1]
    assert code == 408
    with Proxy(f'{HOST}:{servers.healthy}', 'http') as proxy:
        headers = {name: value for name, value in fields.items() if name != 'content-length'}
        proxy.set_behavior(
            'error', match='PUT /slow', times=1, code=408, reason=reason, headers=headers, body=page.decode()
        )
        assert fate(driver, proxy.address.port, 'PUT', '/slow', body()) == real
