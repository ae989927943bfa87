"""What the routes of Toxiproxy's API answer when all is well: `api` and `answers`. Toxics are in `test_toxics`."""

from __future__ import annotations

import json

import pytest

from tests.commands import Command, StartCommand
from tests.peers import Peer, RawBackend
from tests.servers import HOST
from tests.toxiproxy.asking import NOWHERE, Toxiproxy, listens, path_of, port_of
from vaurien import __version__


def test_the_version_is_the_level_of_the_api(toxiproxy: Toxiproxy) -> None:
    response = toxiproxy('GET', '/version')
    assert response.content == b'{"version": "2.13.0"}\n'
    assert response.headers['Content-Type'] == 'application/json;charset=utf-8'
    assert response.headers['X-Vaurien-Version'] == __version__
    assert len(response.headers['X-Toxiproxy-Request-Id']) == 20


def test_every_request_has_its_own_number(toxiproxy: Toxiproxy) -> None:
    assert len({toxiproxy('GET', '/version').headers['X-Toxiproxy-Request-Id'] for _ in range(5)}) == 5


def test_a_proxy(toxiproxy: Toxiproxy) -> None:
    created = toxiproxy.create('redis', 'localhost:6379')
    assert list(created) == ['name', 'listen', 'upstream', 'enabled', 'toxics']
    assert created == {
        'name': 'redis',
        'listen': f'{HOST}:{port_of(created)}',
        'upstream': 'localhost:6379',
        'enabled': True,
        'toxics': [],
    }
    assert port_of(created) > 0
    assert toxiproxy.done('GET', '/proxies/redis') == created
    assert toxiproxy.done('GET', '/proxies') == {'redis': created}
    toxiproxy.done('DELETE', '/proxies/redis', status=204)
    assert toxiproxy.done('GET', '/proxies') == {}
    assert not listens(created)


def test_it_joins_clients_to_the_upstream(toxiproxy: Toxiproxy, echo_server: RawBackend) -> None:
    created = toxiproxy.create('echo', echo_server.address)
    with Peer.connect(port_of(created)) as client:
        client.send(b'hello')
        assert client.recv_exactly(5) == b'hello'


def test_a_proxy_that_speaks_a_protocol(toxiproxy: Toxiproxy) -> None:
    created = toxiproxy.create('redis', protocol='redis')
    assert created['protocol'] == 'redis'
    assert toxiproxy('GET', '/proxies/redis/status').json()['protocol'] == 'redis'
    assert 'protocol' not in toxiproxy.create('tcp', protocol='tcp')


def test_proxies_come_in_the_order_of_their_names(toxiproxy: Toxiproxy) -> None:
    names = ['zebra', 'Zebra', 'a', '\U0001f600', '\uffee', 'é']
    for name in names:
        toxiproxy.create(name)
    assert list(toxiproxy.done('GET', '/proxies')) == ['Zebra', 'a', 'zebra', 'é', '\uffee', '\U0001f600']


@pytest.mark.parametrize('method', ['PATCH', 'POST'])
def test_a_proxy_is_changed_by_either_method(toxiproxy: Toxiproxy, method: str) -> None:
    created = toxiproxy.create('redis')
    changed = toxiproxy.done(method, '/proxies/redis', {'upstream': 'localhost:7', 'name': 'other', 'toxics': 5})
    assert changed == {**created, 'upstream': 'localhost:7'}
    assert toxiproxy.done('GET', '/proxies') == {'redis': changed}


@pytest.mark.parametrize('body', ['{}', 'null', '{"upstream":null,"listen":null,"enabled":null}', '{"Enabled":true}'])
def test_a_change_of_nothing(toxiproxy: Toxiproxy, body: str) -> None:
    created = toxiproxy.create('redis')
    assert toxiproxy.done('PATCH', '/proxies/redis', data=body) == created


def test_an_upstream_may_be_taken_away(toxiproxy: Toxiproxy) -> None:
    toxiproxy.create('redis')
    assert toxiproxy.done('PATCH', '/proxies/redis', {'upstream': ''})['upstream'] == ''


@pytest.mark.parametrize(
    'body',
    [
        '{"NAME":"redis","UpStream":"127.0.0.1:1","LISTEN":"127.0.0.1:0"}',
        '{"name":"redis","upstream":"127.0.0.1:1","listen":"127.0.0.1:0","enabled":null,"toxics":7,"what":[{}]}',
        ' \r\n\t{"name":"redis","upstream":"127.0.0.1:1","listen":"127.0.0.1:0"}}, and so on',
    ],
    ids=['any case', 'unknown keys', 'what follows'],
)
def test_bodies_are_read_generously(toxiproxy: Toxiproxy, body: str) -> None:
    response = toxiproxy(
        'POST', '/proxies?a=b', data=body, headers={'Content-Type': 'image/png', 'Accept': 'text/html'}
    )
    assert response.status_code == 201
    assert list(toxiproxy.done('GET', '/proxies')) == ['redis']
    assert toxiproxy.done('GET', '/proxies/redis')['enabled'] is True


@pytest.mark.parametrize(
    ('method', 'path', 'status'),
    [('POST', '/reset', 204), ('GET', '/proxies', 200), ('DELETE', '/proxies/redis', 204)],
)
def test_where_no_body_is_expected_there_may_be_any(toxiproxy: Toxiproxy, method: str, path: str, status: int) -> None:
    toxiproxy.create('redis')
    toxiproxy.done(method, path, data='{[no JSON', status=status)


def test_answers_are_spelled_as_by_go(toxiproxy: Toxiproxy) -> None:
    created = toxiproxy.create('<a&b>\u2028"\\é😀')
    response = toxiproxy('GET', '/proxies')
    name = '\\u003ca\\u0026b\\u003e\\u2028\\"\\\\é😀'
    assert response.content.decode() == (
        f'{{"{name}":{{"name":"{name}","listen":"{created["listen"]}","upstream":"{NOWHERE}","enabled":true,"toxics":[]}}}}'
    )


def test_text_that_is_no_unicode_is_mended(toxiproxy: Toxiproxy) -> None:
    toxiproxy.done(
        'POST', '/proxies', data=b'{"name":"a\xff\\ud800b","upstream":"x\\ude00","enabled":false}', status=201
    )
    created = toxiproxy.done('GET', '/proxies')['a\ufffd\ufffdb']
    assert created['upstream'] == 'x\ufffd'


@pytest.mark.parametrize(
    'name', ['a b', 'a%b', 'a+b', 'é', '😀', 'a.b', 'a:b@c', '[x]', 'toxics', 'status', "it's", '😀' * 255, '...']
)
def test_names_are_found_as_clients_write_them(server: Command, toxiproxy: Toxiproxy, name: str) -> None:
    """That is without escapes, unless their library for HTTP adds some; so a percent sign is written as one."""
    created = toxiproxy.create(name)
    toxiproxy.done('POST', f'{path_of(name)}/toxics', {'type': 'latency', 'name': name})
    assert toxiproxy.done('GET', path_of(name))['listen'] == created['listen']
    assert toxiproxy.done('GET', path_of(name, name))['name'] == name
    if '%' not in name and ' ' not in name:
        with Peer.connect(server.control_port) as peer:
            path = f'/proxies/{name}/toxics/{name}'
            peer.send(f'GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'.encode())
            body = peer.recv_all().partition(b'\r\n\r\n')[2]
        assert json.loads(body)['name'] == name


@pytest.mark.parametrize('name', ['.', '..', '/', 'a/b', 'a//b', 'x' * 10_000])
def test_no_name_to_which_no_path_leads(vaurien_command: StartCommand, name: str) -> None:
    toxiproxy = Toxiproxy(vaurien_command('--server').api)
    said = 'expected at most 255 characters, got 10000' if len(name) > 255 else f'{name!r} does not fit into a URL'
    with toxiproxy.session:
        good = toxiproxy.create('redis')
        proxy = {'name': name, 'listen': f'{HOST}:0', 'upstream': NOWHERE}
        for path, body, where in (
            ('/proxies', proxy, ''),
            ('/populate', [{**proxy, 'name': 'fine'}, proxy], ' at proxy 2'),
            ('/proxies/redis/toxics', {'type': 'noop', 'name': name}, ''),
        ):
            response = toxiproxy('POST', path, body)
            assert response.status_code == 400
            assert response.json()['error'] == f'bad request body: name: {said}{where}'
        assert toxiproxy.done('GET', '/proxies') == {'redis': good}
