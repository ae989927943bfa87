"""Backends that the environment names, and what stands there while proxies are in their way."""

from __future__ import annotations

from typing import Any

import pytest

from vaurien.address import Address
from vaurien.errors import ConfigError
from vaurien.explore.environment import Environment, Variable, read_variables

PROXIES = {
    name: Address('127.0.0.1', 1111 * number)
    for number, name in enumerate(('redis', 'redis-2', 'postgres', 'API_URL', 'PAY_URL'), 1)
}
LOCAL = {
    'REDIS_URL': 'redis://:secret@localhost:6379/0',
    'API_URL': 'http://127.0.0.1:8000/v1',
    'PAY_URL': 'https://localhost/v2',
}


def read(*texts: str, environ: dict[str, str] = LOCAL, **options: Any) -> Environment:
    return Environment(read_variables(texts), environ, **{'allow_remote': False, **options})


def test_the_application_finds_the_proxy_and_whoever_comes_next_the_backend() -> None:
    environment = read('redis:REDIS_URL')
    assert [backend.proxy for backend in environment.backends] == ['redis']
    rewritten = environment.rewrite(PROXIES)
    assert rewritten == {
        'REDIS_URL': 'redis://:secret@127.0.0.1:1111/0',
        'VAURIEN_BACKEND_REDIS_URL': LOCAL['REDIS_URL'],
    }
    again = read('redis:REDIS_URL', environ=rewritten)
    assert again.backends == environment.backends
    assert again.rewrite(PROXIES) == rewritten


def test_proxies_of_one_protocol_are_called_by_their_variables() -> None:
    environment = read('http:API_URL', 'http:PAY_URL', 'redis:REDIS_URL', 'redis:REDIS_URL')
    assert [(backend.proxy, backend.is_tls) for backend in environment.backends] == [
        ('API_URL', False),
        ('PAY_URL', True),
        ('redis', False),
    ]
    assert environment.rewrite(PROXIES)['PAY_URL'] == 'https://127.0.0.1:5555/v2'


def test_each_backend_of_a_list_gets_a_proxy() -> None:
    environment = read('redis:NODES', environ={'NODES': '127.0.0.1:1,127.0.0.1:2'})
    assert [str(backend.address) for backend in environment.backends] == ['127.0.0.1:1', '127.0.0.1:2']
    assert [backend.proxy for backend in environment.backends] == ['redis', 'redis-2']
    assert environment.rewrite(PROXIES)['NODES'] == '127.0.0.1:1111,127.0.0.1:2222'


@pytest.mark.parametrize(
    ('name', 'environ', 'address', 'rewritten'),
    [
        (
            'PGHOST',
            {'PGHOST': 'localhost', 'PGPORT': '5433'},
            'localhost:5433',
            {
                'PGHOST': '127.0.0.1',
                'PGPORT': '3333',
                'VAURIEN_BACKEND_PGHOST': 'localhost',
                'VAURIEN_BACKEND_PGPORT': '5433',
            },
        ),
        (
            'DB_HOSTNAME_1',
            {'DB_HOSTNAME_1': 'localhost'},
            'localhost:5432',
            {
                'DB_HOSTNAME_1': '127.0.0.1',
                'DB_PORT_1': '3333',
                'VAURIEN_BACKEND_DB_HOSTNAME_1': 'localhost',
                'VAURIEN_BACKEND_DB_PORT_1': '',
            },
        ),
        (
            'DB_HOST',
            {'DB_HOST': 'localhost:5433'},
            'localhost:5433',
            {'DB_HOST': '127.0.0.1:3333', 'VAURIEN_BACKEND_DB_HOST': 'localhost:5433'},
        ),
    ],
)
def test_host_and_port_may_be_in_two_variables(
    name: str, environ: dict[str, str], address: str, rewritten: dict[str, str]
) -> None:
    environment = read(f'postgres:{name}', environ=environ)
    assert [str(backend.address) for backend in environment.backends] == [address]
    assert environment.rewrite(PROXIES) == rewritten
    assert read(f'postgres:{name}', environ=rewritten).backends == environment.backends


@pytest.mark.parametrize(
    ('text', 'environ', 'settings'),
    [
        ('redis:URL', {'URL': 'redis://localhost'}, {}),
        ('redis:URL', {'URL': 'rediss://localhost'}, {'tls': 'auto', 'backend_tls_verify': False}),
        ('postgres:URL', {'URL': 'postgres://localhost'}, {'tls': 'refuse'}),
        (
            'postgres:URL',
            {'URL': 'postgres://localhost?sslmode=require'},
            {'tls': 'auto', 'tls_mode': 'upgrade', 'backend_tls_verify': False},
        ),
        (
            'smtp:URL',
            {'URL': 'smtps://localhost'},
            {'tls': 'auto', 'tls_mode': 'implicit', 'backend_tls_verify': False},
        ),
        ('http:URL', {'URL': 'https://192.0.2.1'}, {'tls': 'auto', 'backend_tls_verify': True}),
    ],
)
def test_a_proxy_speaks_tls_as_the_application_does(
    text: str, environ: dict[str, str], settings: dict[str, object]
) -> None:
    [backend] = read(text, environ=environ, allow_remote=True).backends
    found = backend.settings()
    del found['backend'], found['protocol'], found['name']
    assert found == settings


@pytest.mark.parametrize(
    ('url', 'mode', 'is_tls'),
    [
        ('postgres://localhost', 'require', True),
        ('localhost', 'verify-full', True),
        ('postgres://localhost', 'prefer', False),
        ('postgres://localhost?sslmode=disable', 'require', False),
        ('postgres://localhost?sslmode=require', 'disable', True),
    ],
)
def test_whether_tls_is_a_must_may_be_said_beside_the_url(url: str, mode: str, is_tls: bool) -> None:
    [backend] = read('postgres:PGHOST', environ={'PGHOST': url, 'PGSSLMODE': mode}).backends
    assert (backend.is_tls, backend.settings()['tls']) == (is_tls, 'auto' if is_tls else 'refuse')
    [other] = read('redis:URL', environ={'URL': 'redis://localhost', 'PGSSLMODE': mode}).backends
    assert not other.is_tls


def test_the_authority_is_for_those_that_speak_tls() -> None:
    environ = {
        'A_URL': 'postgres://localhost?sslmode=require&sslrootcert=/a',
        'B_URL': 'postgres://localhost?sslrootcert=/b',
    }
    environment = read('postgres:A_URL', 'postgres:B_URL', environ=environ)
    rewritten = environment.rewrite({'A_URL': PROXIES['redis'], 'B_URL': PROXIES['redis-2']}, '/proxy.pem')
    assert rewritten['A_URL'].endswith('?sslmode=require&sslrootcert=/proxy.pem')
    assert rewritten['B_URL'].endswith('?sslrootcert=/b')


@pytest.mark.parametrize('host', ['localhost', '127.0.0.2', '[::1]', '0.0.0.0'])
def test_a_backend_of_this_machine_is_taken(host: str) -> None:
    assert read('redis:URL', environ={'URL': f'redis://{host}:1'}).backends


@pytest.mark.parametrize('host', ['192.0.2.1', '[2001:db8::1]'])
def test_a_backend_that_is_not_of_this_machine_has_to_be_allowed(host: str) -> None:
    environ = {'URL': f'redis://:secret@{host}:6379'}
    with pytest.raises(ConfigError) as caught:
        read('redis:URL', environ=environ)
    assert str(caught.value) == (
        f'URL: {host}:6379 is not on this machine, and exploring writes to it: allow-remote allows it'
    )
    assert read('redis:URL', environ=environ, allow_remote=True).backends


@pytest.mark.parametrize(
    ('text', 'environ', 'said'),
    [
        ('REDIS_URL', {}, "'REDIS_URL' is not PROTOCOL:VARIABLE, such as redis:REDIS_URL"),
        ('redis:redis://localhost', {}, "'redis:redis://localhost' is not PROTOCOL:VARIABLE, such as redis:REDIS_URL"),
        ('redsi:REDIS_URL', {}, "unknown protocol 'redsi', did you mean 'redis'?"),
        ('redis:REDIS_URL', {}, 'REDIS_URL: it is not set in the environment'),
        ('redis:URL', {'URL': 'redis://no.host.invalid'}, "URL: 'no.host.invalid' cannot be looked up: "),
        ('redis:A_HOST', {'A_HOST': 'b', 'A_PORT': 'tcp'}, 'A_HOST: its port should be in A_PORT, which is no number'),
        ('tcp:A_HOST', {'A_HOST': 'b'}, 'A_HOST: it has no port, and A_PORT is not set'),
    ],
)
def test_a_mistake_is_one_line(text: str, environ: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text, environ=environ)
    assert str(caught.value).startswith(said)


def test_a_variable_is_read_with_its_protocol() -> None:
    assert Variable.parse('redis:REDIS_URL') == Variable('redis', 'REDIS_URL')
