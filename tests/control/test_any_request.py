"""Whatever is asked of Toxiproxy's API, it is answered, and proxies go on working."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, example, given, settings, strategies as st

from tests.commands import StartCommand
from tests.peers import RawBackend
from tests.servers import HOST
from tests.toxiproxy.asking import NOWHERE, Toxiproxy, connect
from tests.toxiproxy.test_toxics import DEFAULTS

#: What may be asked for, the mistakes among it.
NAMES = st.sampled_from(['a', 'b', 'A', '', '/', '..', 'é\0', '\ud800'])
LISTENS = st.sampled_from(
    [
        f'{HOST}:0',
        '',
        ':0',
        'localhost:0',
        '0.0.0.0:0',
        '[::1]:0',
        'foo',
        '[',
        ':-1',
        'a\0:1',
        '192.0.2.1:1',
        '\ud800:0',
    ]
)
NUMBERS = st.sampled_from([0, 1, -1, 0.5, 1.5, 100.0, 2**63, -(2**63), 10**400, 1e308, True, '1', None])
ATTRIBUTES = sorted({name for attributes in DEFAULTS.values() for name in attributes} | {'distribution', 'LATENCY'})
ANYTHING = st.recursive(NUMBERS | st.text(max_size=5), lambda inner: st.lists(inner, max_size=2), max_leaves=3)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    'name': NAMES | ANYTHING,
    'listen': LISTENS | ANYTHING,
    'upstream': st.sampled_from([NOWHERE, '', 'foo', '\ud800']) | ANYTHING,
    'enabled': st.booleans() | ANYTHING,
    'protocol': st.sampled_from(['tcp', 'redis', 'none']) | ANYTHING,
    'type': st.sampled_from([*DEFAULTS, 'none']) | ANYTHING,
    'stream': st.sampled_from(['upstream', 'DownStream', '']) | ANYTHING,
    'toxicity': NUMBERS,
    'attributes': st.dictionaries(st.sampled_from(ATTRIBUTES), NUMBERS, max_size=3) | ANYTHING,
}
OBJECTS = st.fixed_dictionaries({}, optional=FIELDS)
PATHS = ['/version', '/proxies', '/proxies/a', '/proxies/a/toxics', '/proxies/a/toxics/a', '/populate', '/reset']
METHODS = ['GET', 'POST', 'PATCH', 'DELETE', 'PUT']
BODIES = (OBJECTS | st.lists(OBJECTS, max_size=3) | ANYTHING).map(json.dumps) | st.text(max_size=10)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(METHODS), st.sampled_from(PATHS), BODIES), max_size=6))
@example([('POST', '/proxies/a/toxics', json.dumps({'type': type_})) for type_ in DEFAULTS])
def ask(toxiproxy: Toxiproxy, backend: str, requests: list[tuple[str, str, str]]) -> None:
    """Make the requests of one proxy, while a client of it sends data."""
    if 'a' in toxiproxy.done('GET', '/proxies'):
        toxiproxy.done('DELETE', '/proxies/a', status=204)
    with connect(toxiproxy.create('a', backend)) as client:
        for method, path, body in requests:
            with suppress(ConnectionError):
                client.send(b'hello')
            response = toxiproxy(method, path, data=body.encode(errors='surrogatepass'))
            assert response.status_code in (200, 201, 204, 400, 404, 405, 409, 500)
            if response.status_code == 500:
                assert response.json()['error'].startswith(('listen tcp', 'address ', 'lookup '))


def test_it_is_answered(vaurien_command: StartCommand, echo_server: RawBackend) -> None:
    server = vaurien_command('--server', '--log-level', 'error')
    toxiproxy = Toxiproxy(server.api)
    with toxiproxy.session:
        ask(toxiproxy, echo_server.address)
        with connect(toxiproxy.create('well', echo_server.address)) as client:
            client.send(b'hello')
            assert client.recv_exactly(5) == b'hello'
    assert server.stop()[::2] == (0, '')
