"""The routes of each proxy, below its name; and those of the only one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.behaviors.waiting import eventually
from tests.commands import Command
from tests.peers import Peer, RawBackend
from tests.toxiproxy.asking import NOWHERE, Toxiproxy, connect, path_of

ROUTES = ('behavior', 'backend', 'faults', 'links', 'status')


def refused(response: requests.Response, status: int) -> dict[str, str]:
    """The one error of a request that is refused with *status*."""
    assert response.status_code == status
    answer = response.json()
    assert answer['status'] == 'error'
    error: dict[str, str]
    (error,) = answer['errors']
    return error


def done(response: requests.Response) -> Any:
    assert response.status_code == 200, response.text
    assert response.headers['Content-Type'] == 'application/json'
    return response.json()


@pytest.mark.parametrize('route', ROUTES)
def test_without_a_proxy_there_is_nothing_to_ask(toxiproxy: Toxiproxy, route: str) -> None:
    error = refused(toxiproxy('GET', f'/{route}'), 404)
    assert error == {'location': 'path', 'name': f'/{route}', 'description': 'there is no proxy'}


@pytest.mark.parametrize('route', ROUTES)
def test_the_only_one_needs_no_name(toxiproxy: Toxiproxy, route: str) -> None:
    toxiproxy.create('redis')
    by_name, alone = done(toxiproxy('GET', f'/proxies/redis/{route}')), done(toxiproxy('GET', f'/{route}'))
    assert by_name.pop('uptime', 0) <= alone.pop('uptime', 0)
    assert by_name == alone


@pytest.mark.parametrize('route', ROUTES)
def test_of_several_the_name_is_needed(toxiproxy: Toxiproxy, route: str) -> None:
    toxiproxy.create('redis')
    toxiproxy.create('db')
    error = refused(toxiproxy('GET', f'/{route}'), 409)
    said = 'there are redis, db: ask for one of them below /proxies/NAME'
    assert error == {'location': 'path', 'name': f'/{route}', 'description': said}
    error = refused(toxiproxy('GET', f'/proxies/rdis/{route}'), 404)
    assert error['description'] == "there is no proxy 'rdis', did you mean 'redis'?"


def test_changes_need_it_too(toxiproxy: Toxiproxy) -> None:
    for name in ('redis', 'db'):
        toxiproxy.create(name)
    for method, path, body in [
        ('PUT', '/behavior', {'name': 'hang'}),
        ('PUT', '/backend', {'backend': 'localhost:2'}),
        ('DELETE', '/faults', None),
        ('POST', '/faults/take', None),
        ('DELETE', '/links/1', None),
    ]:
        assert refused(toxiproxy(method, path, body), 409)['location'] == 'path'


@pytest.mark.parametrize(
    ('method', 'route', 'body', 'changed'),
    [
        ('PUT', 'behavior', b'{"name": "hang"}', {'behavior': 'hang'}),
        ('PUT', 'backend', b'{"backend": "localhost:2"}', {'backend': 'localhost:2'}),
        ('POST', 'held/1', b'{"decision": "pass"}', None),
    ],
)
def test_a_proxy_that_changes_while_the_body_comes(
    toxiproxy: Toxiproxy, server: Command, method: str, route: str, body: bytes, changed: dict[str, str] | None
) -> None:
    """The one of that name is changed that is there in the end."""

    def ask(meanwhile: Callable[[], object]) -> bytes:
        with Peer.connect(server.control_port) as client:
            lines = f'{method} /proxies/redis/{route} HTTP/1.1', 'Host: localhost', 'Connection: close'
            head = '\r\n'.join([*lines, f'Content-Length: {len(body)}', '', ''])
            client.send(head.encode() + body[:5])
            toxiproxy('GET', '/version')  # by then the other request has been begun
            meanwhile()
            client.send(body[5:])
            return client.recv_all()

    def replace() -> None:
        toxiproxy.done('DELETE', '/proxies/redis', status=204)
        toxiproxy.create('redis')

    toxiproxy.create('redis')
    assert ask(replace).startswith(b'HTTP/1.1 200 ' if changed else b'HTTP/1.1 404 ')
    if changed:
        assert done(toxiproxy('GET', f'/proxies/redis/{route}')).items() >= changed.items()
    assert b'there is no proxy' in ask(lambda: toxiproxy.done('DELETE', '/proxies/redis', status=204))


@pytest.mark.parametrize('name', ['redis', 'a b', 'é', 'toxics', 'behavior', '100%'])
def test_each_has_its_own(toxiproxy: Toxiproxy, name: str) -> None:
    toxiproxy.create(name)
    toxiproxy.create('other')
    path = path_of(name)
    assert done(toxiproxy('PUT', f'{path}/behavior', {'name': 'delay', 'sleep': 2})) == {'status': 'ok'}
    assert done(toxiproxy('PUT', f'{path}/backend', {'backend': 'localhost:2'})) == {'status': 'ok'}
    assert done(toxiproxy('GET', f'{path}/behavior')) == {'behavior': 'delay', 'options': {'delay': {'sleep': 2.0}}}
    assert done(toxiproxy('GET', f'{path}/backend')) == {'backend': 'localhost:2'}
    assert toxiproxy.done('GET', path)['upstream'] == 'localhost:2'
    assert done(toxiproxy('GET', f'{path}/status'))['name'] == name
    assert done(toxiproxy('GET', '/proxies/other/behavior')) == {'behavior': 'dummy', 'options': {}}
    assert done(toxiproxy('GET', '/proxies/other/backend')) == {'backend': NOWHERE}


def test_mistakes_have_their_place(toxiproxy: Toxiproxy) -> None:
    toxiproxy.create('redis', protocol='redis')
    error = refused(toxiproxy('PUT', '/proxies/redis/behavior', {'name': 'delay', 'slep': 2}), 400)
    assert (error['location'], error['name']) == ('body', 'slep')
    error = refused(toxiproxy('PUT', '/proxies/redis/behavior', {'name': 'error', 'code': 503}), 400)
    assert (error['location'], error['name']) == ('body', 'code')


def test_faults(toxiproxy: Toxiproxy, echo_server: RawBackend) -> None:
    created = toxiproxy.create('echo', echo_server.address)
    toxiproxy.create('other')
    done(toxiproxy('PUT', '/proxies/echo/behavior', {'name': 'hang'}))
    with connect(created) as client:
        client.send(b'hello')
        eventually(lambda: done(toxiproxy('GET', '/proxies/echo/faults'))['faults'])
    (fault,) = done(toxiproxy('GET', '/proxies/echo/faults'))['faults']
    assert (fault['behavior'], fault['link']) == ('hang', 1)
    assert done(toxiproxy('POST', '/proxies/other/faults/take')) == {'fault': None}
    assert done(toxiproxy('POST', '/proxies/echo/faults/take')) == {'fault': fault}
    assert done(toxiproxy('GET', '/proxies/other/faults')) == {'faults': []}
    assert done(toxiproxy('GET', '/proxies/other/status'))['faults'] == {}
    done(toxiproxy('DELETE', '/proxies/echo/faults'))
    assert done(toxiproxy('GET', '/proxies/echo/faults')) == {'faults': []}


def test_links(toxiproxy: Toxiproxy, echo_server: RawBackend) -> None:
    created = toxiproxy.create('echo', echo_server.address)
    toxiproxy.add_toxic('echo', 'latency', name='slow', latency=1)
    with connect(created) as first, connect(created) as second:
        for client in (first, second):
            client.send(b'hello')
            assert client.recv_exactly(5) == b'hello'
        links = done(toxiproxy('GET', '/proxies/echo/links'))['links']
        assert [link['id'] for link in links] == [1, 2]
        host, port = first.sock.getsockname()
        link = links[0]
        assert link.pop('age') >= 0
        assert link == {
            'id': 1,
            'client': f'{host}:{port}',
            'backend': echo_server.address,
            'bytes': {'upstream': 5, 'downstream': 5},
            'exchanges': link['exchanges'],
            'behavior': None,
            'toxics': ['slow'],
        }
        assert done(toxiproxy('DELETE', '/proxies/echo/links/1')) == {'status': 'ok'}
        assert first.recv() == b''
        assert refused(toxiproxy('DELETE', '/proxies/echo/links/1'), 404)['description'] == 'there is no open link 1'
        second.send(b'again')
        assert second.recv_exactly(5) == b'again'
        assert [link['id'] for link in done(toxiproxy('GET', '/links'))['links']] == [2]
