"""Who is let in by the running command, and what the others are told by each of its APIs."""

from __future__ import annotations

import json

import pytest

from tests.commands import Command, StartCommand
from tests.peers import Peer

TOKEN = 's3cret+/=~!'


def ask(command: Command, path: str, *headers: str) -> tuple[bytes, bytes]:
    with Peer.connect(command.control_port) as client:
        client.send('\r\n'.join([f'GET {path} HTTP/1.1', 'Connection: close', *headers, '', '']).encode())
        head, _, body = client.recv_all().partition(b'\r\n\r\n')
    return head, body


@pytest.mark.parametrize(
    ('headers', 'error'),
    [
        (
            ['Host: evil.example:8474'],
            "'evil.example:8474' is not this machine: if it is, give the name with --api-host",
        ),
        (['Host: localhost', 'Origin: http://evil.example'], "'http://evil.example' is another site"),
        (['Host: localhost', 'Sec-Fetch-Site: cross-site'], 'another site asks'),
    ],
)
def test_a_page_is_refused_in_the_words_of_each(server: Command, headers: list[str], error: str) -> None:
    for path in ('/version', '/proxies', '/proxies/none/toxics', '/reset', '/proxies/a/'):
        head, body = ask(server, path, *headers)
        assert head.startswith(b'HTTP/1.1 403 ')
        assert body.decode() == f'{{"error":"{error}","status":403}}\n'
    head, body = ask(server, '/status', *headers)
    assert head.startswith(b'HTTP/1.1 403 ')
    assert json.loads(body)['errors'][0]['location'] == 'header'


def test_names_that_were_told(vaurien_command: StartCommand) -> None:
    command = vaurien_command('--server', '--api-host', 'toxiproxy,vaurien.test')
    for host, status in [('toxiproxy:8474', 200), ('Vaurien.Test', 200), ('localhost', 200), ('other', 403)]:
        assert ask(command, '/version', f'Host: {host}')[0].startswith(b'HTTP/1.1 %d ' % status)


@pytest.mark.parametrize(
    ('flags', 'statuses'),
    [
        ((), {'vaurien:8474': 200, '10.0.0.7:8474': 200, 'localhost': 200, 'vaurien.testing.svc:8474': 403}),
        (('--api-host', 'vaurien.testing.svc'), {'vaurien.testing.svc:8474': 200, 'evil.example:8474': 403}),
        (('--api-token', TOKEN), {'vaurien.testing.svc:8474': 200, 'evil.example:8474': 200}),
    ],
    ids=['no token', 'names', 'token'],
)
def test_off_loopback(vaurien_command: StartCommand, flags: tuple[str, ...], statuses: dict[str, int]) -> None:
    command = vaurien_command('--server', '--http-host', '0.0.0.0', *flags)
    for host, status in statuses.items():
        head, _ = ask(command, '/version', f'Host: {host}', f'Authorization: Bearer {TOKEN}')
        assert head.startswith(b'HTTP/1.1 %d ' % status)


def test_a_token(vaurien_command: StartCommand) -> None:
    command = vaurien_command('--server', '--api-token', TOKEN)
    for path in ('/version', '/proxies', '/status', '/nowhere'):
        head, body = ask(command, path, 'Host: localhost')
        assert head.startswith(b'HTTP/1.1 401 ')
        assert b'www-authenticate: bearer' in head.lower()
        assert TOKEN.encode() not in head + body
    assert ask(command, '/proxies', 'Host: localhost')[1] == b'{"error":"expected Bearer and the token","status":401}\n'
    head, body = ask(command, '/version', 'Host: localhost', f'Authorization: Bearer {TOKEN}')
    assert (head[:15], body) == (b'HTTP/1.1 200 OK', b'{"version": "2.13.0"}\n')
