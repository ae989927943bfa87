"""``vaurienctl`` against a process with several proxies: `proxies`, `toxics` and `links`."""

from __future__ import annotations

import json
import re
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from tests.behaviors.waiting import eventually
from tests.cli.asking import done, failed, rows, shown
from tests.commands import StartCommand
from tests.peers import Peer, RawBackend
from tests.servers import HOST, TIMEOUT, free_port
from tests.tls.serving import AUTHORITY, ping, pong, tls_backend
from vaurien.client import Client


@pytest.fixture
def redis(process: Client, echo_server: RawBackend) -> Client:
    """The first of two proxies, which both lead to an echo server."""
    process.create_proxy('db', f'{HOST}:0', echo_server.address)
    return process.create_proxy('redis', f'{HOST}:0', echo_server.address, 'redis')


def told(*words: str) -> Any:
    """What it tells as JSON."""
    return json.loads(done(*words, '--json'))


def connect(client: Client) -> Peer:
    """A client of the proxy."""
    return Peer.connect(int(client.inspect()['listen'].rpartition(':')[2]))


class TestProxies:
    def test_comes_and_goes(self, process: Client, echo_server: RawBackend) -> None:
        assert rows('proxy', 'list') == []
        assert told('proxy', 'list') == {}
        (row,) = rows('proxy', 'create', 'cache', '--upstream', echo_server.address, '--protocol', 'redis')
        name, listen, *rest = row
        assert (name, rest) == ('cache', [echo_server.address, 'enabled', '0', 'redis'])
        assert rows('proxy', 'list') == [row]
        assert told('proxy', 'list') == process.proxies()
        with Peer.connect(int(listen.rpartition(':')[2])) as peer:
            peer.send(b'+OK\r\n')
            assert peer.recv_exactly(5) == b'+OK\r\n'
            assert rows('proxy', 'disable', 'cache') == [['cache', listen, *rest[:1], 'disabled', '0', 'redis']]
            assert peer.recv() == b''
        assert rows('proxy', 'enable', 'cache') == [row]
        assert done('proxy', 'delete', 'cache') == ''
        assert rows('proxy', 'list') == []

    def test_creates_one_that_does_not_listen(self, process: Client) -> None:
        listen = f'{HOST}:{free_port()}'
        created = told('proxy', 'create', 'db', '-l', listen, '-u', 'localhost:5432', '--disabled')
        assert created == process.proxies()['db']
        assert (created['listen'], created['enabled']) == (listen, False)

    def test_creates_one_for_a_url(self, process: Client) -> None:
        created = told('proxy', 'create', 'cache', '-u', 'redis://:secret@localhost/0')
        assert (created['upstream'], created['protocol']) == ('localhost:6379', 'redis')

    def test_creates_one_that_speaks_tls(self, process: Client, tmp_path: Path) -> None:
        """Files are read by this command."""
        identity = AUTHORITY.issue_cert('localhost')
        files = {name: tmp_path / name for name in ('ca', 'cert', 'key')}
        AUTHORITY.cert_pem.write_to_path(files['ca'])
        identity.cert_chain_pems[0].write_to_path(files['cert'])
        identity.private_key_pem.write_to_path(files['key'])
        with tls_backend(pong) as backend:
            words = ['-u', f'localhost:{backend.port}', '--backend-tls', '--backend-tls-ca', str(files['ca'])]
            words += ['--proxy-tls', f'{files["cert"]}:{files["key"]}', '--tls-min', '1.3']
            created = told('proxy', 'create', 'secure', *words)
            host, _, port = created['listen'].rpartition(':')
            with (
                socket.create_connection((host, int(port)), TIMEOUT) as plain,
                ssl.create_default_context(cafile=files['ca']).wrap_socket(plain, server_hostname='localhost') as sock,
            ):
                assert ping(sock) == b'+PONG\r\n'

    def test_sorted(self, redis: Client, process: Client) -> None:
        process.create_proxy('api', f'{HOST}:0', 'localhost:1')
        assert [row[0] for row in rows('proxy', 'list')] == ['api', 'db', 'redis']

    def test_inspects(self, redis: Client) -> None:
        assert rows('proxy', 'inspect', 'redis') == []
        redis.add_toxic('latency', latency=200, distribution='normal')
        redis.add_toxic('noop', stream='upstream', toxicity=0.5)
        assert rows('proxy', 'inspect', 'redis') == [
            ['noop_upstream', 'noop', 'upstream', '0.5', '-'],
            ['latency_downstream', 'latency', 'downstream', '1', 'latency=200, jitter=0, distribution=normal'],
        ]
        assert told('proxy', 'inspect', 'redis') == redis.inspect()

    def test_a_table_for_people(self, redis: Client) -> None:
        redis.add_toxic('latency', latency=200)
        heading, *lines = shown('proxy', 'list')
        assert heading.split() == ['name', 'listen', 'upstream', 'enabled', 'toxics', 'protocol']
        assert [line.split()[0] for line in lines] == ['db', 'redis']
        for column in ('listen', 'upstream', 'protocol'):
            at = heading.index(column)
            assert all(line[at - 1] == ' ' != line[at] for line in lines)
        inspected = redis.inspect()
        summary, heading, line = shown('proxy', 'inspect', 'redis')
        assert summary == f'redis: {inspected["listen"]} -> {inspected["upstream"]} (redis), enabled'
        assert heading.split() == ['name', 'type', 'stream', 'toxicity', 'attributes']
        assert re.split(' {2,}', line) == ['latency_downstream', 'latency', 'downstream', '1', 'latency=200, jitter=0']
        assert shown('proxy', 'inspect', 'db')[1:] == ['no toxics']

    def test_nothing_is_said_to_people(self, process: Client) -> None:
        assert shown('proxy', 'list') == ['no proxies']

    def test_json_on_a_terminal(self, redis: Client, process: Client) -> None:
        assert json.loads('\n'.join(shown('proxy', 'list', '--json'))) == process.proxies()

    def test_a_name_is_no_markup_nor_a_line(self, process: Client) -> None:
        for name in ('[red]x', 'tab\there', 'line\nend', '\x1b[2J'):
            process.create_proxy(name, f'{HOST}:0', 'localhost:1')
        named = ['\\x1b[2J', '[red]x', 'line\\nend', 'tab\\there']
        assert [row[0] for row in rows('proxy', 'list')] == named
        assert [line.split()[0] for line in shown('proxy', 'list')[1:]] == named

    @pytest.mark.parametrize(
        ('words', 'said'),
        [
            ('proxy delete rdis', 'proxy not found'),
            ('proxy create redis -u localhost:1', 'proxy already exists'),
            ('proxy create x -u localhost', "upstream: 'localhost' is not an address: expected host:port"),
            (
                'proxy create x -u redsi://:secret@localhost',
                "upstream: unknown scheme of a URL 'redsi', did you mean 'redis'?",
            ),
            ('proxy create x -u localhost:1 -l localhost', 'missing port in address'),
            ('proxy create x -u localhost:1 --protocol rdis', "unknown protocol 'rdis', did you mean 'redis'?"),
            (
                'proxy create x -u localhost:1 --proxy-tls /a:/b',
                '--proxy-tls: cannot read /a: No such file or directory',
            ),
            ('proxy create x -u localhost:1 --tls-min 1.1', "--tls-min: expected one of 1.2, 1.3, got '1.1'"),
            ('proxy create x -u localhost:1 --backend-tls maybe', '--backend-tls: expected bool'),
            ('proxy create x -u localhost:1 --tls-keylog keys', 'unknown flag --tls-keylog'),
            ('proxy create x', 'required: -u/--upstream, see vaurienctl proxy create --help'),
            ('proxy create a/b -u localhost:1', "name: 'a/b' does not fit into a URL"),
            ('proxy', 'the following arguments are required: COMMAND, see vaurienctl proxy --help'),
            ('proxy list redis', "unexpected argument 'redis', see vaurienctl proxy list --help"),
            ('--proxy redis proxy list', 'unexpected argument --proxy, see vaurienctl proxy list --help'),
        ],
    )
    def test_mistakes(self, redis: Client, process: Client, words: str, said: str) -> None:
        before = process.proxies()
        assert said in failed(2, *words.split())
        assert process.proxies() == before


class TestToxics:
    def test_adds_changes_and_removes(self, redis: Client) -> None:
        row = ['latency_upstream', 'latency', 'upstream', '1', 'latency=200, jitter=50']
        assert rows('toxic', 'add', 'redis', 'latency(latency=200, jitter=50)@upstream') == [row]
        assert rows('toxic', 'update', 'redis', 'latency_upstream', '--latency=-5', '--toxicity', '0.5') == [
            ['latency_upstream', 'latency', 'upstream', '0.5', 'latency=-5, jitter=50']
        ]
        assert told('toxic', 'update', 'redis', 'latency_upstream', '--jitter', '-1') == redis.toxics()[0]
        assert redis.toxics()[0]['attributes'] == {'latency': -5, 'jitter': -1}
        assert done('toxic', 'remove', 'redis', 'latency_upstream') == ''
        assert redis.toxics() == []

    def test_adds_by_flags(self, redis: Client) -> None:
        flags = ('--rate', '100', '--stream', 'upstream', '--toxicity', '0.5', '--name', 'thin')
        added = told('toxic', 'add', 'redis', 'bandwidth', *flags)
        assert redis.toxics() == [added]
        assert added == {
            'type': 'bandwidth',
            'name': 'thin',
            'stream': 'upstream',
            'toxicity': 0.5,
            'attributes': {'rate': 100},
        }
        slicer = told('toxic', 'add', 'redis', 'slicer(delay=5)', '--average-size', '10')
        assert slicer['attributes'] == {'average_size': 10, 'size_variation': 0, 'delay': 5}

    def test_a_name_for_what_is_armed_with_text(self, redis: Client) -> None:
        assert told('toxic', 'add', 'redis', "noop(name='a, b', toxicity=0.25)")['name'] == 'a, b'
        assert told('toxic', 'update', 'redis', 'a, b', '--toxicity', '1')['toxicity'] == 1

    @pytest.mark.parametrize(
        ('words', 'said'),
        [
            (['add', 'redis', 'latecny'], "unknown toxic 'latecny', did you mean 'latency'?"),
            (['add', 'rdis', 'latency'], 'proxy not found'),
            (['add', 'redis', 'latency', '--latnecy', '5'], "no such option, did you mean 'latency'?"),
            (['add', 'redis', 'latency(latency=soon)'], "latency: expected a duration such as 200ms or 2s, got 'soon'"),
            (['add', 'redis', 'latency(latency=1'], 'no closing parenthesis'),
            (['add', 'redis', 'latency@sideways'], "stream: expected upstream, downstream or both, got 'sideways'"),
            (['add', 'redis', 'latency@upstream', '--stream', 'upstream'], '--stream is given, too'),
            (['add', 'redis', 'latency,noop'], 'several toxics'),
            (['add', 'redis', 'noop', '--name', 'there'], 'toxic already exists'),
            (['add', 'redis', 'noop', '5'], "unexpected argument '5'"),
            (['update', 'redis', 'there'], 'nothing to change'),
            (['update', 'redis', 'their', '--toxicity', '1'], "there is no toxic 'their', did you mean 'there'?"),
            (
                ['update', 'redis', 'there', '--toxicity', 'often'],
                "--toxicity: expected float, got 'often'",
            ),
            (['update', 'redis', 'there', '--toxicity', 'nan'], "--toxicity: expected a finite number, got 'nan'"),
            (['update', 'redis', 'there', '--latnecy', '5'], 'latnecy: latency has no such option'),
            (['remove', 'redis', 'their'], 'toxic not found'),
        ],
    )
    def test_mistakes_change_nothing(self, redis: Client, words: list[str], said: str) -> None:
        before = [redis.add_toxic('latency', name='there', latency=200)]
        assert said in failed(2, 'toxic', *words)
        assert redis.toxics() == before


class TestOneOfSeveral:
    """The commands that are about one."""

    def test_by_name(self, redis: Client, process: Client) -> None:
        assert done('--proxy', 'redis', 'set-behavior', 'delay', '--sleep', '2') == ''
        assert done('get-behavior', '--proxy', 'redis') == 'delay\n'
        assert done('get-behavior', '--proxy', 'db') == 'dummy\n'
        assert told('status', '--proxy', 'redis')['behaviors'][0]['options']['sleep'] == 2.0
        done('set-backend', 'localhost:1', '--proxy', 'db')
        assert done('get-backend', '--proxy=db') == 'localhost:1\n'
        assert process.proxy('db').get_backend() == 'localhost:1'
        done('set-backend', 'redis://:secret@localhost:2/0', '--proxy', 'redis')
        assert done('get-backend', '--proxy', 'redis') == 'localhost:2\n'
        said = failed(2, 'set-backend', 'postgres://:secret@localhost', '--proxy', 'redis')
        assert 'a URL of postgres is for the protocol postgres, and the proxy speaks redis: write host:port' in said
        assert 'secret' not in said

    def test_rules_of_each(self, redis: Client) -> None:
        done('--proxy', 'redis', 'set-behavior', 'hang')
        lines = [row[:2] for row in rows('rules')]
        assert lines == [['redis', 'hang']]
        assert rows('rules', '--proxy', 'redis')[0][0] == 'hang'

    def test_without_a_name(self, redis: Client) -> None:
        for command in (['get-behavior'], ['clear-faults'], ['set-behavior', 'hang']):
            said = failed(2, *command)
            assert 'there are db, redis: ' in said
            assert said.endswith(', or with --proxy NAME')

    def test_what_is_shown_of_all(self, process: Client, redis: Client) -> None:
        redis.set_behavior('delay', sleep=0)
        with connect(redis) as peer, connect(process.proxy('db')):
            peer.send(b'PING\r\n')
            eventually(redis.faults)
            eventually(process.proxy('db').links)
            db, other = rows('status')
            assert (db[:2], other[:2]) == (['db', 'true'], ['redis', 'true'])
            assert other[2:5] == [redis.status()['proxy'], redis.status()['backend'], 'redis']
            assert other[5:7] == ['delay', '1']
            assert [row[0] for row in rows('links')] == ['db', 'redis']
            assert [len(told('links')[name]) for name in ('db', 'redis')] == [1, 1]
            assert {name: one['name'] for name, one in told('status').items()} == {'db': 'db', 'redis': 'redis'}
            (line,) = done('faults').splitlines()
            assert line.startswith('redis: ')
            assert line.endswith('link 1 exchange 1: delay on PING')
            assert {name: len(faults) for name, faults in told('faults').items()} == {'db': 0, 'redis': 1}
            assert len(rows('links', '--proxy', 'redis')[0]) == len(rows('links')[0]) - 1

    def test_by_a_wrong_name(self, redis: Client) -> None:
        assert failed(2, 'status', '--proxy', 'rdis').endswith("there is no proxy 'rdis', did you mean 'redis'?")
        assert 'does not fit into a URL' in failed(2, 'status', '--proxy', '..')

    def test_where_there_is_none(self, process: Client) -> None:
        assert failed(2, 'status').endswith('there is no proxy')


class TestLinks:
    def test_lists_and_cuts(self, redis: Client) -> None:
        assert rows('links', '--proxy', 'redis') == []
        redis.add_toxic('noop')
        with connect(redis) as peer:
            peer.send(b'+OK\r\n')
            peer.recv_exactly(5)
            (link,) = told('links', '--proxy', 'redis')
            (row,) = rows('links', '--proxy', 'redis')
            client = '{}:{}'.format(*peer.sock.getsockname())
            assert [link['id'], link['client'], link['bytes']['upstream'], link['toxics']] == [
                1,
                client,
                5,
                ['noop_downstream'],
            ]
            assert row[:3] == ['1', client, link['backend']]
            assert row[4:] == ['5', '5', str(link['exchanges']), '-', 'noop_downstream']
            heading, line = shown('links', '--proxy', 'redis')
            assert heading.split()[:4] == ['id', 'client', 'backend', 'age']
            assert line.split()[:2] == ['1', client]
            assert done('cut-link', '1', '--proxy', 'redis') == ''
            assert peer.recv() == b''
        assert failed(2, 'cut-link', '1', '--proxy', 'redis').endswith('there is no open link 1')
        assert shown('links', '--proxy', 'redis') == ['no links']


class TestHeld:
    """Also tests `held`."""

    def test_lists_and_decides(self, redis: Client) -> None:
        assert rows('held', 'list', '--proxy', 'redis') == []
        redis.set_behavior('hold', wait=100 * TIMEOUT)
        with connect(redis) as peer:
            for number, words, answer in [
                ('1', ['pass', '1'], b'+OK\r\n'),
                ('2', ['error', '2', '--message', 'LOADING'], b'-LOADING Redis is loading the dataset in memory\r\n'),
                ('3', ['cut', '3'], b''),
            ]:
                peer.send(b'+OK\r\n')
                redis.wait_for_held(TIMEOUT)
                ((id_, link, client, request, seconds, left),) = rows('held', 'list', '--proxy', 'redis')
                assert (id_, link, client) == (number, '1', '{}:{}'.format(*peer.sock.getsockname()))
                assert request == redis.held()[0]['request']
                assert float(seconds) + float(left) == pytest.approx(100 * TIMEOUT, abs=0.01)
                assert done('held', *words, '--proxy', 'redis') == ''
                assert peer.recv_exactly(len(answer)) == answer
            assert peer.recv() == b''
        assert failed(2, 'held', 'cut', '3', '--proxy', 'redis').endswith('no request 3 is held')
        assert failed(2, 'held', 'error', '3', '--kode', '503', '--proxy', 'redis').endswith("did you mean 'code'?")
        assert failed(2, 'held', 'pass', 'x').startswith("ID: expected int, got 'x'")
        assert [row[:2] for row in map(str.split, shown('held', 'list', '--proxy', 'redis'))] == [['no', 'requests']]


def test_all_well_again(redis: Client, process: Client) -> None:
    redis.add_toxic('noop')
    redis.set_behavior('hang')
    process.proxy('db').disable()
    assert done('reset') == ''
    assert (redis.toxics(), redis.get_behavior()) == ([], 'dummy')
    assert process.proxy('db').inspect()['enabled'] is True


def test_who_knows_the_token_is_let_in(vaurien_command: StartCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    port = vaurien_command('--server', '--api-token', 'open-sesame').control_port
    monkeypatch.setenv('VAURIEN_URL', f'http://{HOST}:{port}')
    for command in (['status'], ['proxy', 'list']):
        assert failed(2, *command).endswith('expected Bearer and the token: give it with --token or VAURIEN_TOKEN')
    assert rows('proxy', 'list', '--token', 'open-sesame') == []
    monkeypatch.setenv('TOXIPROXY_AUTH_TOKEN', 'open-sesame')
    assert rows('proxy', 'list') == []
    monkeypatch.setenv('VAURIEN_TOKEN', 'sesame')
    assert failed(2, 'proxy', 'list').startswith('expected Bearer')
    monkeypatch.setenv('VAURIEN_TOKEN', 'open-sesame')
    assert rows('proxy', 'list') == []
    assert failed(2, '--token', 'sesame', 'proxy', 'list').startswith('expected Bearer')
