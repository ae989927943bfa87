"""The guard: whom it lets in."""

from __future__ import annotations

import falcon
import pytest
from falcon.testing import create_environ

from tests.control.fake import FakeProxy, ServedProxy
from tests.peers import Peer
from vaurien.web.guard import Guard

TOKEN = 's3cret+/=~!'
LOOPBACK = Guard('localhost', '127.0.0.1')
KNOWN = Guard('localhost', '127.0.0.1', ['toxiproxy', 'Vaurien.test'])
GUARDED = Guard('localhost', '127.0.0.1', (), TOKEN)
NAMED = Guard('Devbox.lan', '127.0.1.1')
ANYWHERE = Guard('0.0.0.0', '0.0.0.0')
STRICT = Guard('', '::', ['Devbox', 'conntest.example'], is_strict=True)

SITE = 'http://localhost:8080'


def ask(guard: Guard, headers: dict[str, str]) -> str:
    """Return the header for which *guard* rejects the request, or an empty text if it lets it in."""
    environ = create_environ(host='unused')
    del environ['HTTP_USER_AGENT'], environ['HTTP_HOST']
    environ |= {f'HTTP_{name.upper().replace("-", "_")}': value for name, value in headers.items()}
    try:
        guard.process_request(falcon.Request(environ), falcon.Response())
    except (falcon.HTTPForbidden, falcon.HTTPUnauthorized) as error:
        return error.title or 'nameless'
    return ''


@pytest.mark.parametrize(
    ('guard', 'host', 'refused'),
    [
        (LOOPBACK, 'localhost:8080', False),
        (LOOPBACK, 'localhost', False),
        (LOOPBACK, 'LOCALHOST:8080', False),
        (LOOPBACK, 'proxy.localhost:8080', False),
        (LOOPBACK, '127.0.0.1:8080', False),
        (LOOPBACK, '127.9.9.9', False),
        (LOOPBACK, '[::1]:8080', False),
        (LOOPBACK, '[::1]', False),
        (LOOPBACK, 'evil.example:8080', True),
        (LOOPBACK, 'localhost.evil.example', True),
        (LOOPBACK, 'notlocalhost', True),
        (LOOPBACK, '127.0.0.1.evil.example', True),
        (LOOPBACK, '128.0.0.1', True),
        (LOOPBACK, '[::2]:8080', True),
        (LOOPBACK, 'devbox.lan', True),
        (LOOPBACK, 'localhost,evil.example', True),
        (LOOPBACK, 'evil@localhost', True),
        (LOOPBACK, 'localhost/evil', True),
        (LOOPBACK, 'localhost:x', True),
        (LOOPBACK, '[', True),
        (LOOPBACK, '', True),
        (KNOWN, 'toxiproxy:8474', False),
        (KNOWN, 'TOXIPROXY', False),
        (KNOWN, 'vaurien.test:80', False),
        (KNOWN, 'localhost', False),
        (KNOWN, 'evil.example', True),
        (KNOWN, 'a.toxiproxy', True),
        (NAMED, 'devbox.lan:8080', False),
        (NAMED, 'DEVBOX.LAN', False),
        (NAMED, 'localhost', False),
        (NAMED, 'evil.example', True),
        (ANYWHERE, 'evil.example', False),
        (ANYWHERE, '10.0.0.7:8080', False),
        (STRICT, 'conntest-server:8080', False),
        (STRICT, '10.0.0.7:8080', False),
        (STRICT, '[2001:db8::7]:8080', False),
        (STRICT, 'localhost:8080', False),
        (STRICT, 'devbox', False),
        (STRICT, 'CONNTEST.example', False),
        (STRICT, 'evil.example:8080', True),
        (STRICT, 'devbox.evil.example', True),
        (STRICT, '10.0.0.7.evil.example', True),
        (STRICT, 'conntest-server.', True),
        (STRICT, 'a.conntest.example', True),
        (STRICT, '', True),
        (LOOPBACK, 'conntest-server', True),
        (LOOPBACK, '10.0.0.7', True),
    ],
)
def test_host(guard: Guard, host: str, refused: bool) -> None:
    assert ask(guard, {'Host': host}) == ('Host' if refused else '')


@pytest.mark.parametrize('guard', [LOOPBACK, ANYWHERE], ids=['loopback', 'anywhere'])
@pytest.mark.parametrize(
    ('headers', 'refused'),
    [
        ({}, ''),
        ({'Host': 'localhost:8080', 'Origin': SITE}, ''),
        ({'Host': 'localhost:8080', 'Origin': 'HTTP://LOCALHOST:8080'}, ''),
        ({'Host': 'localhost', 'Origin': 'http://localhost'}, ''),
        ({'Host': 'localhost', 'Origin': 'http://localhost:80'}, ''),
        ({'Host': '[::1]:8080', 'Origin': 'http://[::1]:8080'}, ''),
        ({'Host': 'localhost:8080', 'Origin': 'http://evil.example'}, 'Origin'),
        ({'Host': 'localhost:8080', 'Origin': 'http://localhost:8081'}, 'Origin'),
        ({'Host': 'localhost:8080', 'Origin': 'http://localhost'}, 'Origin'),
        ({'Host': 'localhost:8080', 'Origin': 'https://localhost:8080'}, 'Origin'),
        ({'Host': 'localhost:8080', 'Origin': 'http://127.0.0.1:8080'}, 'Origin'),
        ({'Host': 'localhost:8080', 'Origin': 'http://evil@localhost:8080'}, 'Origin'),
        ({'Host': 'localhost:8080', 'Origin': 'http:localhost:8080'}, 'Origin'),
        ({'Host': 'localhost:8080', 'Origin': 'null'}, 'Origin'),
        ({'Host': 'localhost:8080', 'Origin': 'http://'}, 'Origin'),
        ({'Host': 'localhost:8080', 'Origin': ''}, 'Origin'),
        ({'Origin': SITE}, 'Origin'),
        ({'Host': 'localhost:8080', 'Sec-Fetch-Site': 'none'}, ''),
        ({'Host': 'localhost:8080', 'Sec-Fetch-Site': 'same-origin'}, ''),
        ({'Host': 'localhost:8080', 'Sec-Fetch-Site': 'same-site'}, 'Sec-Fetch-Site'),
        ({'Host': 'localhost:8080', 'Sec-Fetch-Site': 'cross-site'}, 'Sec-Fetch-Site'),
        ({'Sec-Fetch-Site': 'cross-site'}, 'Sec-Fetch-Site'),
    ],
)
def test_origin(guard: Guard, headers: dict[str, str], refused: str) -> None:
    assert ask(guard, headers) == refused


@pytest.mark.parametrize(
    ('header', 'refused'),
    [
        (f'Bearer {TOKEN}', False),
        (f'bearer {TOKEN}', False),
        (f'BEARER   {TOKEN}', False),
        (None, True),
        ('', True),
        ('Bearer', True),
        ('Bearer ', True),
        (TOKEN, True),
        (f'Basic {TOKEN}', True),
        (f'Bearer {TOKEN}x', True),
        (f'Bearer {TOKEN[:-1]}', True),
        (f'Bearer {TOKEN.upper()}', True),
        (f'Bearer "{TOKEN}"', True),
        ('Bearer \xe9\xff', True),
    ],
)
def test_token(header: str | None, refused: bool) -> None:
    headers = {} if header is None else {'Authorization': header}
    assert ask(GUARDED, headers) == ('Authorization' if refused else '')


def test_the_token_opens_no_other_door() -> None:
    headers = {'Authorization': f'Bearer {TOKEN}', 'Host': 'evil.example'}
    assert ask(GUARDED, headers) == 'Host'


@pytest.mark.parametrize(
    ('host', 'name', 'status'),
    [
        ('127.0.0.1', 'evil.example', 403),
        ('0.0.0.0', 'evil.example', 403),
        ('0.0.0.0', 'vaurien.testing.svc:8474', 403),
        ('0.0.0.0', 'vaurien:8474', 200),
        ('0.0.0.0', '10.0.0.7:8474', 200),
        ('0.0.0.0', 'localhost', 200),
    ],
)
def test_it_stands_at_the_door(host: str, name: str, status: int) -> None:
    with ServedProxy(FakeProxy(), host) as served, Peer.connect(served.address.port) as client:
        client.send(b'GET /status HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' % name.encode())
        answer = client.recv_all()
    assert answer.startswith(b'HTTP/1.1 %d ' % status)
    assert (b'"location":"header","name":"Host"' in answer) == (status == 403)
    assert (b'--api-host' in answer) == (status == 403)


def test_a_page_that_rebinds_its_name_is_of_the_same_origin() -> None:
    headers = {'Host': 'evil.example:8474', 'Origin': 'http://evil.example:8474', 'Sec-Fetch-Site': 'same-origin'}
    assert ask(STRICT, headers) == 'Host'
