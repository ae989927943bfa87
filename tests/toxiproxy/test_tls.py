"""Proxies over the API that speak TLS. No request has the process read or write a file, and no answer has a key."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.commands import Command, StartCommand
from tests.peers import RawBackend
from tests.servers import HOST, TIMEOUT
from tests.tls.serving import AUTHORITY, LEAF, ping, pong, server_context, tls_backend
from tests.toxiproxy.asking import NOWHERE, Toxiproxy, port_of
from vaurien.client import Client
from vaurien.errors import ConfigError, ControlError
from vaurien.settings import ProxySettings, TLSSettings
from vaurien.toxiproxy.fields import PEM_FIELDS, TLSFields, read_config

#: Who signs for the clients and for the proxy.
OTHER = trustme.CA()
IDENTITY = OTHER.issue_cert('localhost')
CA, OTHER_CA = AUTHORITY.cert_pem.bytes().decode(), OTHER.cert_pem.bytes().decode()
CHAIN, KEY = IDENTITY.cert_chain_pems[0].bytes().decode(), IDENTITY.private_key_pem.bytes().decode()
#: What no answer may have: a piece of the key.
SECRET = KEY.splitlines()[2]


@pytest.fixture(scope='module')
def backend() -> Iterator[RawBackend]:
    """A backend that answers as Redis does, inside TLS, to whom shows a certificate of `OTHER`."""
    context = server_context(verify_mode=ssl.CERT_REQUIRED)
    OTHER.configure_trust(context)
    with tls_backend(pong, context) as backend:
        yield backend


def dial(proxy: Mapping[str, Any], context: ssl.SSLContext) -> ssl.SSLSocket:
    return context.wrap_socket(socket.create_connection((HOST, port_of(proxy)), TIMEOUT), server_hostname='localhost')


def test_the_fields_are_those_of_the_settings() -> None:
    assert TLSFields.__struct_fields__ == TLSSettings.__struct_fields__


def test_both_legs(server: Command, toxiproxy: Toxiproxy, backend: RawBackend) -> None:
    """All certificates are in the request, and faults hit what is inside."""
    created = toxiproxy.create(
        'cache',
        f'localhost:{backend.port}',
        protocol='redis',
        proxy_tls=CHAIN + KEY,
        proxy_tls_client_ca=CA,
        backend_tls=True,
        backend_tls_ca=CA,
        backend_tls_name='localhost',
        backend_tls_cert=CHAIN,
        backend_tls_key=KEY,
        tls_min='1.2',
        tls_max='1.3',
    )
    context = ssl.create_default_context(cadata=OTHER_CA)
    LEAF.configure_cert(context)
    Client(port=server.control_port).proxy('cache').set_behavior('error', nth=2)
    with dial(created, context) as client:
        assert ping(client) == b'+PONG\r\n'
        assert ping(client).startswith(b'-')
    assert set(created) == {'name', 'listen', 'upstream', 'enabled', 'toxics', 'protocol'}
    for path in ('/proxies', '/proxies/cache', '/proxies/cache/status', '/proxies/cache/links', '/metrics'):
        answer = toxiproxy('GET', path)
        assert answer.status_code == 200
        assert SECRET not in answer.text.replace('\\n', '\n')


def test_no_key_is_logged(vaurien_command: StartCommand, backend: RawBackend) -> None:
    server = vaurien_command('--server', '--log-level', 'debug')
    process = Client(port=server.control_port)
    upstream = f'localhost:{backend.port}'
    client = process.create_proxy('x', f'{HOST}:0', upstream, proxy_tls=CHAIN + KEY, backend_tls=True)
    with pytest.raises(ssl.SSLError), dial(client.inspect(), ssl.create_default_context(cadata=OTHER_CA)) as sock:
        ping(sock)
    server.wait_for_log('no TLS with the backend: the certificate is not accepted')
    with pytest.raises(ControlError, match='no certificate and key in PEM'):
        process.create_proxy('y', f'{HOST}:0', upstream, proxy_tls=KEY)
    assert SECRET not in '\n'.join([*server.log_lines, *server.out_lines])


def test_a_file_of_the_command_may_name_files(tmp_path: Path) -> None:
    path = tmp_path / 'proxies.json'
    path.write_text(json.dumps([{'name': 'x', 'upstream': NOWHERE, 'tls': 'auto', 'proxy_tls': 'a.pem:b.pem'}]))
    (settings,) = read_config(str(path), ProxySettings())
    assert (settings.tls, settings.proxy_tls) == ('auto', 'a.pem:b.pem')


def test_certificates_are_made(server: Command, toxiproxy: Toxiproxy, echo_server: RawBackend) -> None:
    process = Client(port=server.control_port)
    client = process.create_proxy('echo', f'{HOST}:0', echo_server.address, proxy_tls='auto')
    with dial(client.inspect(), ssl.create_default_context(cadata=process.ca_pem())) as sock:
        sock.sendall(b'hello')
        assert sock.recv(5) == b'hello'


@pytest.mark.parametrize('value', ['/etc/passwd', f'{__file__}:{__file__}', '', '/dev/stdin', '-----BEGIN'])
@pytest.mark.parametrize('field', PEM_FIELDS)
def test_no_file_is_read(toxiproxy: Toxiproxy, field: str, value: str) -> None:
    proxy = {'name': 'x', 'upstream': NOWHERE, 'tls': 'auto', field.upper(): value}
    expected = 'auto, or text in PEM' if field == 'proxy_tls' else 'text in PEM'
    said = f'bad request body: {field}: expected {expected}: requests have no file read'
    assert toxiproxy.refused('POST', '/proxies', 400, proxy) == said
    answer = toxiproxy('POST', '/populate', [{'name': 'y', 'upstream': NOWHERE}, proxy])
    assert (answer.status_code, answer.json()['error']) == (400, f'{said} at proxy 2')
    assert toxiproxy.done('GET', '/proxies') == {}


def test_no_file_is_written(toxiproxy: Toxiproxy, tmp_path: Path) -> None:
    proxy = {'name': 'x', 'upstream': NOWHERE, 'tls': 'auto', 'tls_keylog': str(tmp_path / 'keys')}
    said = toxiproxy.refused('POST', '/proxies', 400, proxy)
    assert said == 'bad request body: tls_keylog: requests have no file written'
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ('fields', 'said'),
    [
        ({'proxy_tls': KEY}, 'proxy_tls: no certificate and key in PEM'),
        ({'proxy_tls': CHAIN + LEAF.private_key_pem.bytes().decode()}, 'proxy_tls: the key is not that of'),
        (
            {'backend_tls': True, 'backend_tls_cert': CHAIN, 'backend_tls_key': CHAIN},
            'backend_tls_cert: no certificate',
        ),
        ({'backend_tls': True, 'backend_tls_ca': KEY}, 'backend_tls_ca: no certificates in PEM'),
        ({'backend_tls': True, 'backend_tls_name': 'a..b'}, 'backend_tls_name: it is not the name of a machine'),
        ({'backend_tls_name': 'x'}, 'backend_tls_name: it needs backend_tls'),
        ({'tls': 'refuse'}, 'tls: tcp has no requests for TLS'),
        ({'tls': 'on'}, "Invalid enum value 'on' - at `$.tls`"),
        ({'tls_min': '1.1'}, "Invalid enum value '1.1' - at `$.tls_min`"),
        ({'backend_tls': 'yes'}, 'Expected `bool | null`, got `str` - at `$.backend_tls`'),
    ],
)
def test_mistakes(toxiproxy: Toxiproxy, fields: dict[str, Any], said: str) -> None:
    text = toxiproxy.refused('POST', '/proxies', 400, {'name': 'x', 'upstream': NOWHERE, **fields})
    assert text.startswith(f'bad request body: {said}')
    assert 'PRIVATE' not in text
    assert toxiproxy.done('GET', '/proxies') == {}


def test_it_stays(toxiproxy: Toxiproxy) -> None:
    created = toxiproxy.create('cache', proxy_tls='auto')
    assert toxiproxy.done('PATCH', '/proxies/cache', {**created, 'proxy_tls': 'auto', 'tls': None}) == created
    text = toxiproxy.refused('PATCH', '/proxies/cache', 400, {'backend_tls': True, 'enabled': False})
    assert text == 'bad request body: backend_tls: it stays as it is: delete the proxy, and create it anew'
    assert toxiproxy.done('GET', '/proxies/cache') == created


def test_populating_replaces_one_that_differs(server: Command, toxiproxy: Toxiproxy) -> None:
    wanted = {'name': 'cache', 'upstream': NOWHERE, 'listen': f'{HOST}:0', 'proxy_tls': 'auto'}
    status = Client(port=server.control_port).proxy('cache').status

    def populate(**fields: Any) -> bool:
        """Whether that leaves the proxy alone."""
        listen = toxiproxy.done('GET', '/proxies').get('cache', wanted)['listen']
        before = status()['seed'] if listen != wanted['listen'] else None
        toxiproxy.done('POST', '/populate', [{**wanted, 'listen': listen, **fields}], 201)
        return bool(before == status()['seed'])

    assert not populate()
    assert populate()
    assert populate(proxy_tls=None)  # whoever knows no TLS keeps it
    assert not populate(tls_min='1.3')
    assert populate(tls_min='1.3')


def test_a_client_knows_the_settings(server: Command) -> None:
    with pytest.raises(ConfigError, match="backend_tsl: there is no such setting, did you mean 'backend_tls'"):
        Client(port=server.control_port).create_proxy('x', f'{HOST}:0', NOWHERE, backend_tsl=True)
