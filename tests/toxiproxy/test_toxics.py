"""Toxics over Toxiproxy's API: what is asked for, and what is shown."""

from __future__ import annotations

from typing import Any

import pytest

from tests.peers import Peer, RawBackend
from tests.servers import TIMEOUT
from tests.toxiproxy.asking import Toxiproxy, port_of
from vaurien.toxics import Toxic

#: What is shown of each type, in its order, where nothing was asked for.
DEFAULTS: dict[str, dict[str, float]] = {
    'bandwidth': {'rate': 0},
    'corrupt': {'probability': 0.01},
    'duplicate': {'probability': 1},
    'latency': {'latency': 0, 'jitter': 0},
    'limit_data': {'bytes': 0},
    'noop': {},
    'packet_loss': {'loss_rate': 0, 'correlation': 0},
    'reset_peer': {'timeout': 0},
    'slicer': {'average_size': 1, 'size_variation': 0, 'delay': 0},
    'slow_close': {'delay': 0},
    'timeout': {'timeout': 0},
}


@pytest.fixture
def redis(toxiproxy: Toxiproxy) -> str:
    """The path of the toxics of a proxy."""
    toxiproxy.create('redis')
    return '/proxies/redis/toxics'


def test_no_type_is_forgotten() -> None:
    assert sorted(DEFAULTS) == Toxic.names()


@pytest.mark.parametrize('type_', DEFAULTS)
def test_every_type_shows_all_its_attributes(toxiproxy: Toxiproxy, redis: str, type_: str) -> None:
    needed = {'average_size': 1} if type_ == 'slicer' else {}
    added = toxiproxy.done('POST', redis, {'type': type_, 'attributes': {'unknown': 1, **needed}})
    name = f'{type_}_downstream'
    assert list(added) == ['attributes', 'name', 'type', 'stream', 'toxicity']
    assert added == {
        'attributes': DEFAULTS[type_],
        'name': name,
        'type': type_,
        'stream': 'downstream',
        'toxicity': 1,
    }
    assert list(added['attributes']) == list(DEFAULTS[type_])
    assert toxiproxy.done('GET', redis) == [added]
    assert toxiproxy.done('GET', f'{redis}/{name}') == added
    assert toxiproxy.done('GET', '/proxies/redis')['toxics'] == [added]
    toxiproxy.done('DELETE', f'{redis}/{name}', status=204)
    assert toxiproxy.done('GET', redis) == []


def test_the_bytes_of_a_toxic(toxiproxy: Toxiproxy, redis: str) -> None:
    """Numbers without a fraction have none, as JavaScript's and Go's have not."""
    body = {'type': 'packet_loss', 'name': '<', 'toxicity': 0.1, 'attributes': {'loss_rate': 1.0, 'correlation': 1e-7}}
    assert toxiproxy('POST', redis, body).content == (
        b'{"attributes":{"loss_rate":1,"correlation":1e-7},"name":"\\u003c",'
        b'"type":"packet_loss","stream":"downstream","toxicity":0.1}'
    )


def test_the_stream_is_shown_as_it_was_written(toxiproxy: Toxiproxy, redis: str) -> None:
    added = toxiproxy.done('POST', redis, {'type': 'latency', 'stream': 'UpStream'})
    assert (added['stream'], added['name']) == ('UpStream', 'latency_UpStream')


def test_those_of_the_upstream_come_first(toxiproxy: Toxiproxy, redis: str) -> None:
    for name, stream in [('d1', 'downstream'), ('u1', 'upstream'), ('d0', 'DOWNSTREAM'), ('u0', 'UPSTREAM')]:
        toxiproxy.done('POST', redis, {'type': 'latency', 'name': name, 'stream': stream})
    shown = [toxic['name'] for toxic in toxiproxy.done('GET', redis)]
    assert shown == ['u1', 'u0', 'd1', 'd0']
    assert [toxic['name'] for toxic in toxiproxy.done('GET', '/proxies/redis')['toxics']] == shown


@pytest.mark.parametrize(
    ('given', 'shown'),
    [
        (0, '0'),
        (1, '1'),
        (0.5, '0.5'),
        (1 / 3, '0.33333334'),
        (0.1, '0.1'),
        (7, '7'),
        (-3, '-3'),
        (1e-45, '1e-45'),
        (1e-50, '0'),
        (16777217, '16777216'),
        (123456.789, '123456.79'),
        (1e38, '1e+38'),
        (1e20, '100000000000000000000'),
    ],
)
def test_toxicity_is_a_number_of_32_bits(toxiproxy: Toxiproxy, redis: str, given: float, shown: str) -> None:
    response = toxiproxy('POST', redis, {'type': 'latency', 'toxicity': given})
    assert response.text.endswith(f'"toxicity":{shown}}}')


@pytest.mark.parametrize(
    ('given', 'kept'),
    [
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (-5, -5),
        (100.0, 100),
        (1e3, 1000),
        (None, 0),
    ],
)
def test_attributes_are_whole_numbers_of_64_bits(toxiproxy: Toxiproxy, redis: str, given: Any, kept: int) -> None:
    added = toxiproxy.done('POST', redis, {'type': 'latency', 'attributes': {'Latency': given}})
    assert added['attributes'] == {'latency': kept, 'jitter': 0}


def test_what_toxiproxy_does_not_have_is_shown_where_it_is_set(toxiproxy: Toxiproxy, redis: str) -> None:
    added = toxiproxy.add_toxic('redis', 'latency', jitter=5, distribution='normal')
    assert added['attributes'] == {'latency': 0, 'jitter': 5, 'distribution': 'normal'}


@pytest.mark.parametrize('method', ['PATCH', 'POST'])
def test_changes_are_merged(toxiproxy: Toxiproxy, redis: str, method: str) -> None:
    toxiproxy.add_toxic('redis', 'latency', name='slow', latency=100, toxicity=0.5)
    path = f'{redis}/slow'
    changed = toxiproxy.done(method, path, {'attributes': {'jitter': 3, 'unknown': 1}})
    assert (changed['attributes'], changed['toxicity']) == ({'latency': 100, 'jitter': 3}, 0.5)
    changed = toxiproxy.done(method, path, {'toxicity': 1, 'name': 'other', 'type': 7, 'stream': [], 'latency': 9})
    expected = {'name': 'slow', 'type': 'latency', 'stream': 'downstream', 'toxicity': 1}
    assert changed == {'attributes': {'latency': 100, 'jitter': 3}, **expected}
    for nothing in ('{}', 'null', '{"attributes":null,"toxicity":null}', '{"attributes":{"latency":null}}'):
        assert toxiproxy.done(method, path, data=nothing) == changed
    assert toxiproxy.done('GET', redis) == [changed]


@pytest.mark.parametrize(
    'body',
    [
        '{"attributes":{"jitter":55,"latency":"x"}}',
        '{"attributes":{"latency":"x","jitter":55}}',
        '{"attributes":{"jitter":55},"toxicity":"x"}',
        '{"attributes":{"jitter":55},"toxicity":1e39}',
        '{"toxicity":0.5,"attributes":[]}',
        '{"attributes":{"jitter":55}',
        '',
    ],
)
def test_a_change_that_is_refused_changes_nothing(toxiproxy: Toxiproxy, redis: str, body: str) -> None:
    added = toxiproxy.add_toxic('redis', 'latency', name='slow', latency=100)
    assert toxiproxy.refused('PATCH', f'{redis}/slow', 400, data=body).startswith('bad request body: ')
    assert toxiproxy.done('GET', redis) == [added]


def test_they_act_on_live_links_before_the_answer(toxiproxy: Toxiproxy, echo_server: RawBackend) -> None:
    created = toxiproxy.create('echo', echo_server.address)
    with Peer.connect(port_of(created)) as client:
        client.send(b'a')
        assert client.recv_exactly(1) == b'a'
        toxiproxy.add_toxic('echo', 'bandwidth', name='stop', rate=0)
        client.send(b'b')
        assert client.is_silent(TIMEOUT / 50)
        toxiproxy.done('PATCH', '/proxies/echo/toxics/stop', {'toxicity': 0})
        assert client.recv_exactly(1) == b'b'
        toxiproxy.done('PATCH', '/proxies/echo/toxics/stop', {'toxicity': 1})
        client.send(b'c')
        assert client.is_silent(TIMEOUT / 50)
        toxiproxy.done('DELETE', '/proxies/echo/toxics/stop', status=204)
        assert client.recv_exactly(1) == b'c'
        toxiproxy.add_toxic('echo', 'timeout', toxicity=0)
        client.send(b'd')
        assert client.recv_exactly(1) == b'd'
        toxiproxy.done('POST', '/reset', status=204)
        assert client.recv() == b'', 'removing a timeout closes, also what it has spared'


@pytest.mark.parametrize('toxicity', [0, 1])
@pytest.mark.parametrize('timeout', [0, 100_000])
@pytest.mark.parametrize('stream', ['upstream', 'downstream', 'both'])
def test_none_goes_on_without_a_backend(toxiproxy: Toxiproxy, stream: str, timeout: int, toxicity: int) -> None:
    created = toxiproxy.create('dead')
    toxiproxy.add_toxic('dead', 'timeout', stream=stream, timeout=timeout, toxicity=toxicity)
    with Peer.connect(port_of(created)) as client:
        assert client.recv() == b''


#: Attributes that end Toxiproxy up to 2.12, or its API.
DEADLY: list[tuple[str, dict[str, Any]]] = [
    ('bandwidth', {'rate': -1}),
    ('bandwidth', {'rate': -(2**63)}),
    ('bandwidth', {'rate': 2**63 - 1}),
    ('slicer', {'average_size': 5, 'delay': -1}),
    ('slicer', {'average_size': 10, 'size_variation': 1000}),
    ('slicer', {'average_size': 1, 'size_variation': 2**63 - 1}),
    ('slicer', {'average_size': 2**63 - 1, 'size_variation': 2**63 - 1, 'delay': -(2**63)}),
    ('slicer', {'average_size': 5, 'size_variation': -(2**63)}),
    ('latency', {'latency': -(2**63), 'jitter': -(2**63)}),
    ('latency', {'latency': -(2**63), 'jitter': 2**40, 'distribution': 'pareto'}),
    ('packet_loss', {'loss_rate': -1e308, 'correlation': 1e308}),
    ('slow_close', {'delay': -(2**63)}),
    ('limit_data', {'bytes': 2**63 - 1}),
    ('noop', {}),
]


@pytest.mark.parametrize('stream', ['upstream', 'downstream'])
@pytest.mark.parametrize(('type_', 'attributes'), DEADLY)
def test_no_attributes_harm_the_server(
    toxiproxy: Toxiproxy, echo_server: RawBackend, stream: str, type_: str, attributes: dict[str, Any]
) -> None:
    """Here data go on."""
    created = toxiproxy.create('echo', echo_server.address)
    toxiproxy.add_toxic('echo', type_, stream=stream, **attributes)
    with Peer.connect(port_of(created)) as client:
        client.send(bytes(1000))
        assert client.recv_exactly(1000) == bytes(1000)
        toxiproxy.done('PATCH', f'/proxies/echo/toxics/{type_}_{stream}', {'toxicity': 0.5})
        client.send(b'end')
        client.shut_down()
        assert client.recv_all() == b'end'


@pytest.mark.parametrize(
    ('type_', 'attributes'),
    [
        ('latency', {'latency': 2**63 - 1, 'jitter': 2**63 - 1}),
        ('slicer', {'average_size': 10, 'delay': 2**63 - 1}),
        ('bandwidth', {'rate': 0}),
        ('timeout', {'timeout': 2**63 - 1}),
        ('timeout', {'timeout': -(2**63)}),
        ('reset_peer', {'timeout': 2**63 - 1}),
        ('packet_loss', {'loss_rate': 1e308}),
    ],
)
def test_nor_those_that_let_nothing_pass(
    toxiproxy: Toxiproxy, echo_server: RawBackend, type_: str, attributes: dict[str, Any]
) -> None:
    """They can be changed and removed at once, though a link waits."""
    created = toxiproxy.create('echo', echo_server.address)
    toxiproxy.add_toxic('echo', type_, **attributes)
    with Peer.connect(port_of(created)) as client:
        client.send(bytes(1000))
        assert client.recv_exactly(5) == bytes(5) if type_ == 'slicer' else client.is_silent(TIMEOUT / 50)
        toxiproxy.done('PATCH', f'/proxies/echo/toxics/{type_}_downstream', {'attributes': attributes})
        toxiproxy.done('DELETE', f'/proxies/echo/toxics/{type_}_downstream', status=204)
    toxiproxy.done('DELETE', '/proxies/echo', status=204)


def test_attributes_may_have_units(toxiproxy: Toxiproxy, redis: str) -> None:
    added = toxiproxy.add_toxic('redis', 'latency', latency='1.5s')
    assert added['attributes']['latency'] == 1500
    path = f'{redis}/latency_downstream'
    assert toxiproxy.done('PATCH', path, {'attributes': {'JITTER': '20ms'}})['attributes']['jitter'] == 20
    for text, wrong in {
        "expected a duration such as 200ms or 2s, got '2 parsecs'": '2 parsecs',
        "expected a whole number of milliseconds, got '0.5ms'": '0.5ms',
        "expected a duration such as 200ms or 2s, got '5'": '5',
    }.items():
        refused = toxiproxy.refused('PATCH', path, 400, {'attributes': {'latency': wrong}})
        assert refused == f'bad request body: attributes.latency: {text}'
    assert toxiproxy.done('GET', path)['attributes'] == {'latency': 1500, 'jitter': 20}


def test_latency_may_be_a_distribution(toxiproxy: Toxiproxy, redis: str) -> None:
    text = 'lognormal(p50=50ms, p99=400ms)'
    added = toxiproxy.add_toxic('redis', 'latency', latency=text)
    assert added['attributes'] == {'latency': text, 'jitter': 0}
    path = f'{redis}/latency_downstream'
    for wrong, told in {
        'table(/etc/hostname)': 'only flags, files and programs can name a file, not a request',
        'lognormal(p50=1s)': f'expected a distribution such as {text}',
    }.items():
        refused = toxiproxy.refused('PATCH', path, 400, {'attributes': {'latency': wrong}})
        assert refused == f'bad request body: attributes.latency: {told}'
    assert toxiproxy.done('PATCH', path, {'attributes': {'jitter': 5}})['attributes'] == {'latency': text, 'jitter': 5}


@pytest.mark.parametrize(('attributes', 'got'), [({}, 0), ({'average_size': 0}, 0), ({'average_size': -5}, -5)])
def test_a_slicer_needs_a_size(toxiproxy: Toxiproxy, redis: str, attributes: dict[str, int], got: int) -> None:
    text = f'bad request body: attributes.average_size: expected int >= 1, got {got}'
    assert toxiproxy.refused('POST', redis, 400, {'type': 'slicer', 'attributes': attributes}) == text
    body = [{'name': 'other', 'upstream': 'a:1', 'toxics': [{'type': 'slicer', 'attributes': attributes}]}]
    assert toxiproxy('POST', '/populate', body).json()['error'] == f'{text} at proxy 1'
    toxiproxy.add_toxic('redis', 'slicer', average_size=1)
    change = {'attributes': {'average_size': got}}
    assert toxiproxy.refused('PATCH', f'{redis}/slicer_downstream', 400, change) == text
    assert [toxic['attributes']['average_size'] for toxic in toxiproxy.done('GET', redis)] == [1]


def test_what_vaurien_adds(toxiproxy: Toxiproxy, redis: str) -> None:
    """Both streams, and the clients that it is for. Whoever asks for neither sees nothing of it."""
    body = {'type': 'latency', 'stream': 'both', 'client': '10.0.0.0/8', 'attributes': {'latency': 5}}
    added = toxiproxy('POST', redis, json=body).json()
    shown = {'name': 'latency_both', 'type': 'latency', 'stream': 'both', 'toxicity': 1, 'client': '10.0.0.0/8'}
    assert added == {**shown, 'attributes': {'latency': 5, 'jitter': 0}}
    assert toxiproxy('GET', f'{redis}/latency_both').json() == added
    changed = toxiproxy('POST', f'{redis}/latency_both', json={**added, 'attributes': {'latency': 6}}).json()
    assert changed == {**added, 'attributes': {'latency': 6, 'jitter': 0}}
    answer = toxiproxy('POST', redis, json={**body, 'name': 'other', 'client': '10.0.0.0/33'})
    assert answer.status_code == 400
    assert answer.json()['error'].startswith('bad request body: client: expected an address or a network')
