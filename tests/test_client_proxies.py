"""The client, against a process with several proxies, or none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.behaviors.waiting import eventually
from tests.commands import Command, StartCommand
from tests.peers import Peer, RawBackend
from tests.servers import HOST, free_port
from vaurien import Client
from vaurien.errors import AddressError, ConfigError, ControlError, OptionError, UnreachableError


@pytest.fixture(scope='module')
def command() -> Iterator[Command]:
    """A process to make proxies in."""
    command = Command('--server')
    yield command
    command.kill()


@pytest.fixture
def process(command: Command) -> Iterator[Client]:
    """Its client; there is no proxy, and will be none afterwards."""
    client = Client(port=command.control_port)
    yield client
    for name in client.proxies():
        client.proxy(name).delete()


@pytest.fixture
def redis(process: Client, echo_server: RawBackend) -> Client:
    """A client of the first of two proxies, which both lead to an echo server."""
    process.create_proxy('db', f'{HOST}:0', echo_server.address)
    return process.create_proxy('redis', f'{HOST}:0', echo_server.address)


def connect(client: Client) -> Peer:
    """A client of the proxy."""
    host, _, port = client.inspect()['listen'].rpartition(':')
    return Peer.connect(int(port), host)


def ask(peer: Peer, request: bytes = b'hello') -> bytes:
    """What comes back."""
    peer.send(request)
    return peer.recv_exactly(len(request))


class Mine(Client):
    """Somebody's own."""


class TestOneOfSeveral:
    """A client that is bound to one proxy."""

    def test_is_of_the_same_class(self) -> None:
        client = Mine('elsewhere', 1, timeout=2.5, token='secret')
        bound = client.proxy('redis')
        assert type(bound) is Mine
        assert (bound.url, bound.timeout, bound.name, client.name) == (client.url, 2.5, 'redis', None)

    def test_arms_that_one_alone(self, process: Client, redis: Client) -> None:
        with process.proxy('redis').with_behavior('error', inject=True):
            assert redis.get_behavior() == 'error'
            assert process.proxy('db').get_behavior() == 'dummy'
        assert redis.get_behavior() == 'dummy'

    def test_tells_of_that_one_alone(self, process: Client, redis: Client) -> None:
        redis.set_behavior('delay', sleep=0)
        with connect(redis) as peer:
            ask(peer)
            eventually(redis.faults)
        assert [fault.behavior for fault in redis.faults()] == ['delay']
        assert process.proxy('db').faults() == []
        redis.clear_faults()
        assert redis.faults() == []
        assert (redis.status()['name'], redis.status()['links']['total']) == ('redis', 1)

    def test_changes_its_backend(self, process: Client, redis: Client, echo_server: RawBackend) -> None:
        redis.set_backend('localhost:1')
        assert (redis.get_backend(), process.proxy('db').get_backend()) == ('localhost:1', echo_server.address)

    def test_several_and_no_name(self, process: Client, redis: Client) -> None:
        for call in (process.status, process.links, process.inspect, process.toxics, process.disable, process.delete):
            with pytest.raises(ControlError, match=r'there are db, redis: ') as caught:
                call()
            assert caught.value.status == 409
        assert list(process.proxies()) == ['db', 'redis']

    def test_no_such_proxy(self, process: Client, redis: Client) -> None:
        with pytest.raises(ControlError, match=r"there is no proxy 'rdis', did you mean 'redis'\?$") as caught:
            process.proxy('rdis').get_behavior()
        assert caught.value.status == 404
        for call in (process.proxy('rdis').inspect, process.proxy('rdis').delete):
            with pytest.raises(ControlError, match=r'^proxy not found$'):
                call()

    @pytest.mark.parametrize('name', ['wei ß', 'a?b#c', '100%', '%2F', '[x]', '"', '+', 'x' * 200, '-', '~'])
    def test_any_name(self, process: Client, redis: Client, name: str) -> None:
        bound = process.create_proxy(name, f'{HOST}:0', 'localhost:1')
        bound.set_behavior('hang')
        assert process.proxy(name).status()['name'] == name
        assert process.proxies()[name]['name'] == name
        bound.add_toxic('noop', name=name)
        bound.remove_toxic(name)
        bound.delete()
        assert list(process.proxies()) == ['db', 'redis']

    @pytest.mark.parametrize('name', ['', '.', '..', 'a/b'])
    def test_no_name_for_a_path(self, process: Client, name: str) -> None:
        for call in (process.proxy(name).get_behavior, process.proxy(name).inspect):
            with pytest.raises(ConfigError, match='does not fit into a URL'):
                call()
        with pytest.raises(ConfigError, match='does not fit into a URL'):
            process.create_proxy(name, f'{HOST}:0', 'localhost:1')
        assert process.proxies() == {}


class TestTheOnlyOne:
    """Where there is one proxy, nobody needs to say its name."""

    def test_without_its_name(self, vaurien_command: StartCommand, echo_server: RawBackend) -> None:
        command = vaurien_command('--http', '--backend', echo_server.address)
        client = Client(port=command.control_port)
        assert client.inspect()['listen'] == command.address
        with client.toxic('noop'):
            assert [toxic['name'] for toxic in client.toxics()] == ['noop_downstream']
            client.disable()
            with pytest.raises(ConnectionRefusedError):
                Peer.connect(command.port)
            client.enable()
            with Peer.connect(command.port) as peer:
                assert ask(peer) == b'hello'
        assert client.toxics() == []

    def test_a_block_is_left_as_it_was_entered(self, process: Client, echo_server: RawBackend) -> None:
        """Though the proxy is not the only one any more."""
        first = process.create_proxy('first', f'{HOST}:0', echo_server.address)
        with process.with_behavior('hang'), process.toxic('noop'):
            process.create_proxy('second', f'{HOST}:0', echo_server.address)
        assert (first.get_behavior(), first.toxics()) == ('dummy', [])


class TestProxies:
    """What comes and goes."""

    def test_creates_and_deletes(self, process: Client, echo_server: RawBackend) -> None:
        assert process.proxies() == {}
        client = process.create_proxy('redis', f'{HOST}:0', echo_server.address, 'redis')
        listen = client.inspect()['listen']
        assert process.proxies() == {
            'redis': {
                'name': 'redis',
                'listen': listen,
                'upstream': echo_server.address,
                'enabled': True,
                'toxics': [],
                'protocol': 'redis',
            }
        }
        with connect(client) as peer:
            client.delete()
            assert peer.recv() == b''
        with pytest.raises(ConnectionRefusedError):
            Peer.connect(int(listen.rpartition(':')[2]))
        assert process.proxies() == {}

    def test_creates_one_that_does_not_listen(self, process: Client, echo_server: RawBackend) -> None:
        port = free_port()
        client = process.create_proxy('redis', f'{HOST}:{port}', echo_server.address, enabled=False)
        assert client.inspect()['enabled'] is False
        with pytest.raises(ConnectionRefusedError):
            Peer.connect(port)
        client.enable()
        with Peer.connect(port) as peer:
            assert ask(peer) == b'hello'

    def test_one_of_that_name(self, process: Client, redis: Client) -> None:
        with pytest.raises(ControlError, match=r'^proxy already exists$') as caught:
            process.create_proxy('redis', f'{HOST}:0', 'localhost:1')
        assert caught.value.status == 409

    def test_a_port_that_is_taken(self, process: Client, raw_backend: RawBackend) -> None:
        with pytest.raises(ControlError, match='address already in use') as caught:
            process.create_proxy('redis', raw_backend.address, 'localhost:1')
        assert caught.value.status == 500
        assert process.proxies() == {}

    def test_a_url_says_the_protocol(self, process: Client) -> None:
        created = process.create_proxy('redis', f'{HOST}:0', 'redis://:secret@localhost/0').inspect()
        assert (created['upstream'], created['protocol']) == ('localhost:6379', 'redis')
        with pytest.raises(ConfigError, match=r'^upstream: a URL of http is for the protocol http, and not redis$'):
            process.create_proxy('api', f'{HOST}:0', 'http://localhost', 'redis')
        with pytest.raises(ConfigError, match=r'^upstream: its URL is for TLS'):
            process.create_proxy('api', f'{HOST}:0', 'https://localhost')
        secure = process.create_proxy('api', f'{HOST}:0', 'https://localhost', backend_tls=True).inspect()
        assert (secure['upstream'], secure['protocol']) == ('localhost:443', 'http')

    def test_what_is_no_address(self, process: Client) -> None:
        with pytest.raises(AddressError, match=r"^upstream: 'localhost' is not an address"):
            process.create_proxy('redis', f'{HOST}:0', 'localhost')
        with pytest.raises(ControlError, match='missing port in address'):
            process.create_proxy('redis', 'localhost', 'localhost:1')
        with pytest.raises(ControlError, match=r"unknown protocol 'rdis', did you mean 'redis'\?"):
            process.create_proxy('redis', f'{HOST}:0', 'localhost:1', protocol='rdis')

    def test_disables_and_enables(self, process: Client, redis: Client) -> None:
        listen = redis.inspect()['listen']
        with connect(redis) as peer:
            redis.disable()
            assert peer.recv() == b''
        with pytest.raises(ConnectionRefusedError):
            connect(redis)
        assert process.proxies()['db']['enabled'] is True
        redis.enable()
        assert redis.inspect()['listen'] == listen
        with connect(redis) as peer:
            assert ask(peer) == b'hello'

    def test_resets_all(self, process: Client, redis: Client) -> None:
        process.proxy('db').disable()
        redis.add_toxic('noop')
        redis.set_behavior('hang')
        process.reset()
        assert (redis.toxics(), redis.get_behavior()) == ([], 'dummy')
        assert all(proxy['enabled'] for proxy in process.proxies().values())


class TestToxics:
    """What is on the streams."""

    def test_for_the_length_of_a_block(self, redis: Client) -> None:
        with connect(redis) as peer:
            assert ask(peer) == b'hello'
            with redis.toxic('limit_data', bytes=3):
                peer.send(b'hello')
                assert peer.recv_all() == b'hel'
        assert redis.toxics() == []
        with connect(redis) as peer:
            assert ask(peer) == b'hello'

    def test_when_the_block_raises(self, redis: Client) -> None:
        with pytest.raises(ZeroDivisionError), redis.toxic('noop'):
            raise ZeroDivisionError
        assert redis.toxics() == []

    def test_that_is_gone_when_the_block_ends(self, process: Client, redis: Client) -> None:
        with redis.toxic('noop', name='nothing'):
            redis.remove_toxic('nothing')
        with redis.toxic('noop'):
            process.reset()
        with redis.toxic('noop'):
            redis.delete()

    def test_two_of_a_type(self, redis: Client) -> None:
        with redis.toxic('latency', latency=1), redis.toxic('latency', latency=2, name='more'):
            assert [toxic['name'] for toxic in redis.toxics()] == ['latency_downstream', 'more']
            with pytest.raises(ControlError, match=r'^toxic already exists$'), redis.toxic('latency'):
                pytest.fail('it was entered')
        assert redis.toxics() == []

    def test_adds_changes_and_removes(self, redis: Client) -> None:
        added = redis.add_toxic('latency', stream='upstream', toxicity=0.5, name='far', latency=200)
        assert added == {
            'type': 'latency',
            'name': 'far',
            'stream': 'upstream',
            'toxicity': 0.5,
            'attributes': {'latency': 200, 'jitter': 0},
        }
        assert redis.toxics() == [added]
        changed = redis.update_toxic('far', jitter=50, distribution='normal')
        assert (changed['toxicity'], changed['attributes']) == (
            0.5,
            {'latency': 200, 'jitter': 50, 'distribution': 'normal'},
        )
        assert redis.update_toxic('far', toxicity=0)['toxicity'] == 0
        assert redis.toxics()[0]['attributes'] == changed['attributes']
        redis.remove_toxic('far')
        assert redis.toxics() == []

    def test_mistakes_change_nothing(self, redis: Client) -> None:
        """A misspelled attribute, too, though the API would ignore it."""
        with pytest.raises(OptionError, match=r"^latnecy: latency has no such option, did you mean 'latency'\?$"):
            redis.add_toxic('latency', latnecy=200)
        with pytest.raises(OptionError, match=r'^latency: expected a duration'):
            redis.add_toxic('latency', latency='200')
        with pytest.raises(ControlError, match=r'^invalid toxic type$') as caught:
            redis.add_toxic('latecny')
        assert caught.value.status == 400
        with pytest.raises(ControlError, match=r'^stream was invalid'):
            redis.add_toxic('latency', stream='sideways')
        assert redis.toxics() == []
        added = redis.add_toxic('latency', latency=200)
        with pytest.raises(OptionError):
            redis.update_toxic('latency_downstream', jitter=1, latnecy=5)
        for call in (redis.update_toxic, redis.remove_toxic):
            with pytest.raises(ControlError, match=r'^toxic not found$'):
                call('latency_upstream')
        assert redis.toxics() == [added]

    def test_a_number_that_json_does_not_have(self, redis: Client) -> None:
        with pytest.raises(ConfigError, match='JSON'):
            redis.add_toxic('noop', toxicity=float('nan'))


class TestLinks:
    """Those that are open."""

    def test_lists_and_cuts(self, process: Client, redis: Client, echo_server: RawBackend) -> None:
        assert redis.links() == []
        redis.add_toxic('noop')
        with connect(redis) as first, connect(redis) as second:
            ask(first)
            ask(second, b'hi')
            links = redis.links()
            assert [link['id'] for link in links] == [1, 2]
            assert [link['bytes'] for link in links] == [
                {'upstream': 5, 'downstream': 5},
                {'upstream': 2, 'downstream': 2},
            ]
            assert links[0]['client'] == '{}:{}'.format(*first.sock.getsockname())
            assert links[0]['toxics'] == ['noop_downstream']
            assert process.proxy('db').links() == []
            redis.cut_link(1)
            assert first.recv() == b''
            assert ask(second) == b'hello'
            assert [link['id'] for link in redis.links()] == [2]
        with pytest.raises(ControlError, match=r'there is no open link 1$') as caught:
            redis.cut_link(1)
        assert caught.value.status == 404


class TestToken:
    """Who knows it is let in."""

    def test_has_to_be_known(self, vaurien_command: StartCommand) -> None:
        port = vaurien_command('--server', '--api-token', 'open-sesame').control_port
        assert Client(port=port, token='open-sesame').proxies() == {}
        bound = Client(port=port, token='open-sesame').create_proxy('x', f'{HOST}:0', 'localhost:1')
        assert bound.get_behavior() == 'dummy'
        for client in (Client(port=port), Client(port=port, token='sesame')):
            for call in (client.status, client.proxies):
                with pytest.raises(ControlError, match='expected Bearer and the token') as caught:
                    call()
                assert caught.value.status == 401
                assert not isinstance(caught.value, UnreachableError)

    @pytest.mark.parametrize('token', ['schlüssel', 'two\nlines'])
    def test_is_plain_text(self, token: str) -> None:
        with pytest.raises(ConfigError, match=r'^token: '):
            Client(token=token)
