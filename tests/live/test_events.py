"""``GET /events``: what readers are told, of a real process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from time import monotonic
from typing import Any

import jsonschema_rs
import pytest
import requests

from tests.commands import Command, StartCommand
from tests.control.api import Api
from tests.peers import Peer, RawBackend
from tests.servers import HOST, TIMEOUT
from tests.toxiproxy.asking import Toxiproxy
from vaurien.client import Client, Event
from vaurien.errors import ControlError


class Followed:
    """The events of a client, of which one after the other is looked for."""

    def __init__(self, events: Iterator[Event]) -> None:
        self._events = events
        self.snapshot = self.next('snapshot')

    def next(self, name: str, **wanted: Any) -> dict[str, Any]:
        """The next event of that name, with these values; all others before it are passed over."""
        deadline = monotonic() + TIMEOUT
        for event in self._events:
            assert monotonic() < deadline, 'it never came'
            if event.name == name and all(event.data[key] == value for key, value in wanted.items()):
                return event.data
        raise AssertionError('the events ended')


@pytest.fixture
def client(server: Command) -> Client:
    return Client(HOST, server.control_port)


@pytest.fixture
def proxy(client: Client, toxiproxy: Toxiproxy, echo_server: RawBackend) -> Client:
    """A proxy of opaque bytes."""
    return client.create_proxy('echo', f'{HOST}:0', echo_server.address)


def test_the_snapshot(proxy: Client) -> None:
    proxy.set_behavior('10:delay(sleep=2)')
    proxy.add_toxic('latency', latency=5)
    events = proxy.events()
    name, data = next(events)
    assert name == 'snapshot'
    assert data['period'] == 1.0
    (state,) = data['states'].values()
    assert state['enabled'] is True
    assert state['listen'] == proxy.inspect()['listen']
    assert state['backend'] == proxy.get_backend()
    assert state['protocol'] == 'tcp'
    assert state['behavior'] == '10:delay(sleep=2.0)'
    (rule,) = state['rules']
    assert (rule['name'], rule['percent'], rule['options']['sleep']) == ('delay', 10.0, 2.0)
    assert [toxic['name'] for toxic in state['toxics']] == ['latency_downstream']
    assert [(change['what'], change['text']) for change in data['changes']][-2:] == [
        ('behavior', 'behavior 10:delay(sleep=2.0)'),
        ('toxic', 'toxic latency(latency=5)@downstream'),
    ]


def make_validators(document: Any) -> dict[str, Any]:
    """Return what validates the data of each event, by its name, and takes no field that is not described."""
    components = document['components']
    for schema in components['schemas'].values():
        if 'properties' in schema:
            schema.setdefault('additionalProperties', False)
    (response,) = (path['get']['responses']['200'] for name, path in document['paths'].items() if name == '/events')
    kinds = response['content']['text/event-stream']['x-itemSchema']['oneOf']
    return {
        kind['properties']['event']['const']: jsonschema_rs.validator_for(
            {**kind['properties']['data']['contentSchema'], 'components': components}
        )
        for kind in kinds
    }


def test_all_are_as_openapi_describes_them(proxy: Client, server: Command) -> None:
    validators = make_validators(requests.get(f'{server.api}/openapi.json', timeout=TIMEOUT).json())
    proxy.set_behavior('delay', sleep=0.001)
    proxy.add_toxic('latency', latency=1)
    told = set()
    with closing(proxy.events()) as events, Peer.connect(int(proxy.inspect()['listen'].rpartition(':')[2])) as peer:
        for event in events:
            if event.name == 'snapshot':
                peer.send(b'hello')
                peer.recv_exactly(5)
                proxy.remove_toxic('latency_downstream')
            told.add(event.name)
            validators[event.name].validate(event.data)
            if told == set(validators):
                break
    snapshot = next(proxy.events())
    assert snapshot.data['series']['echo']['requests'], 'there was none in the first one'
    validators[snapshot.name].validate(snapshot.data)


def test_what_goes_through_in_a_second(proxy: Client) -> None:
    with closing(proxy.events()) as events, Peer.connect(int(proxy.inspect()['listen'].rpartition(':')[2])) as peer:
        followed = Followed(events)
        for _ in range(10):
            peer.send(b'hello')
            peer.recv_exactly(5)
        seconds = [followed.next('second') for _ in range(2)]
    counts = [second['proxies']['echo'] for second in seconds]
    busy = [count for count in counts if count['requests']]
    assert busy
    for count in busy:
        assert count['upstream'] == pytest.approx(5 * count['requests'], rel=0.01)
        assert count['downstream'] == pytest.approx(5 * count['requests'], rel=0.01)
    assert counts[0]['links'] == 1
    assert counts[0]['state']['protocol'] == 'tcp'
    assert sum(second['requests'] for second in seconds) == 10


def test_faults_as_they_begin(proxy: Client) -> None:
    proxy.set_behavior('delay', sleep=0.001, match='5 *')
    with closing(proxy.events()) as events, Peer.connect(int(proxy.inspect()['listen'].rpartition(':')[2])) as peer:
        followed = Followed(events)
        peer.send(b'hello')
        peer.recv_exactly(5)
        fault = followed.next('fault')
    assert (fault['proxy'], fault['link'], fault['exchange']) == ('echo', 1, 1)
    assert (fault['behavior'], fault['request']) == ('delay', '5 bytes')
    assert fault['options']['sleep'] == 0.001


def test_a_pattern_is_for_requests(proxy: Client) -> None:
    proxy.set_behavior('delay', sleep=0.001)
    port = int(proxy.inspect()['listen'].rpartition(':')[2])
    with closing(proxy.events(match='6 *')) as events, Peer.connect(port) as peer:
        followed = Followed(events)
        for data in b'hello', b'hello!':
            peer.send(data)
            peer.recv_exactly(len(data))
        assert followed.next('fault')['request'] == '6 bytes'


def test_changes_in_their_order_and_who_made_them(client: Client, proxy: Client) -> None:
    def told(count: int) -> list[tuple[str, str, str]]:
        changes = [followed.next('change') for _ in range(count)]
        return [(change['what'], change['by'], change['text']) for change in changes]

    with closing(proxy.events()) as events:
        followed = Followed(events)
        proxy.add_toxic('latency')
        proxy.update_toxic('latency_downstream', latency=7)
        proxy.remove_toxic('latency_downstream')
        proxy.disable()
        proxy.enable()
        proxy.set_backend('localhost:1')
        assert told(6) == [
            ('toxic', 'api', 'toxic latency@downstream'),
            ('toxic', 'api', 'toxic latency(latency=7)@downstream'),
            ('toxic', 'api', 'toxic latency_downstream removed'),
            ('enabled', 'api', 'enabled false'),
            ('enabled', 'api', 'enabled true'),
            ('backend', 'api', 'backend localhost:1'),
        ]
        client.set_schedule({'steps': [{'at': 0, 'for': 0.05, 'proxy': 'echo', 'behavior': 'delay(sleep=3)'}]})
        assert told(4) == [
            ('schedule', 'schedule', 'started'),
            ('behavior', 'schedule', 'behavior delay(sleep=3.0)'),
            ('behavior', 'schedule', 'behavior dummy'),
            ('schedule', 'schedule', 'ended'),
        ]
        proxy.delete()
        assert told(1) == [('proxy', 'api', 'proxy echo removed')]


def test_when_something_is_armed_follows_from_the_states(proxy: Client) -> None:
    """Also for a window that the rule itself closes."""
    with closing(proxy.events()) as events:
        followed = Followed(events)
        proxy.set_behavior('delay(for=0.05)')
        opened, closed = followed.next('change'), followed.next('change')
    assert [rule['name'] for rule in opened['state']['rules']] == ['delay']
    assert closed['state']['rules'] == []
    assert closed['by'] == 'time'
    assert closed['time'] - opened['time'] >= 0.045


def test_what_nobody_has(proxy: Client, server: Command) -> None:
    with pytest.raises(ControlError, match='there is no proxy') as caught:
        next(Client(HOST, server.control_port).proxy('none').events())
    assert caught.value.status == 404
    with pytest.raises(ControlError, match='match: ') as caught:
        next(proxy.events(match='/(/'))
    assert caught.value.status == 400
    api = Api(server.api)
    with api.session:
        assert api.refused('GET', '/events?proxy=none', 404)['location'] == 'path'
        assert api.refused('GET', '/events?some=none', 400)['name'] == 'some'
        assert api.refused('GET', '/proxies/echo/events?proxy=other', 400)['name'] == 'proxy'


def test_the_guard_is_as_for_all_paths(vaurien_command: StartCommand, echo_server: RawBackend) -> None:
    command = vaurien_command('--backend', echo_server.address, '--http', '--api-token', 'secret')
    with pytest.raises(ControlError) as caught:
        next(Client(HOST, command.control_port).events())
    assert caught.value.status == 401
    with closing(Client(HOST, command.control_port, token='secret').events()) as events:
        assert next(events).name == 'snapshot'
    url, headers = f'{command.api}/events', {'Authorization': 'Bearer secret'}
    for header, value in ('Origin', 'http://example.org'), ('Host', 'example.org'), ('Sec-Fetch-Site', 'cross-site'):
        response = requests.get(url, headers={**headers, header: value}, timeout=TIMEOUT)
        assert response.status_code == 403
