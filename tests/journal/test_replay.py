"""The faults of a journal again: which request gets which, and what is said of those that none got."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

import vaurien
from tests.arming import rule
from tests.journal.entries import make_entry
from tests.peers import Peer, RawBackend
from tests.servers import Server
from vaurien.address import Address
from vaurien.engine.chooser import Choice
from vaurien.errors import ConfigError
from vaurien.journal import replay as replay_module
from vaurien.journal.lines import encode
from vaurien.journal.reading import read_journal
from vaurien.journal.replay import Replay, ReplayChooser
from vaurien.records.counts import Counts
from vaurien.records.entry import Entry
from vaurien.settings import ProxySettings

#: Load a journal of these entries.
Load = Callable[..., Replay]


class FakeLink:
    """What a chooser is told of a link, and does not look at."""

    number = 1
    client_address: Address | None = None

    def counts(self) -> Counts:
        return Counts()


@pytest.fixture
def load(tmp_path: Path) -> Load:
    path = tmp_path / 'run.jsonl'

    def write_and_load(*entries: Entry) -> Replay:
        path.write_bytes(b''.join(map(encode, entries)))
        return Replay(path)

    return write_and_load


def fail(request: str, nth: int, behavior: str = 'error', **fields: Any) -> Entry:
    return make_entry(request, nth, behavior=behavior, **fields)


def start(replay: Replay, name: str = 'redis', protocol: str = 'redis') -> ReplayChooser:
    return replay.make_chooser(ProxySettings(name=name, protocol=protocol))


def choose(chooser: ReplayChooser, request: str, nth: int) -> Choice:
    return chooser.choose(FakeLink(), 1, request, nth, b'')


class TestChoosing:
    def test_a_fault_is_for_the_same_text_and_number(self, load: Load) -> None:
        chooser = start(load(make_entry('GET a', 1), fail('GET a', 2, 'delay', options={'sleep': 3.0}, chance='7/1/2')))
        passing = Choice(passes=True)
        assert choose(chooser, 'GET a', 1) == choose(chooser, 'GET b', 2) == choose(chooser, 'GET a', 3) == passing
        chosen = choose(chooser, 'GET a', 2)
        assert chosen == Choice(rule('delay', sleep=3.0), chance='7/1/2')
        assert choose(chooser, 'GET a', 2) == passing

    def test_limits_do_not_matter_any_more(self, load: Load) -> None:
        options = {'warmup': 12, 'match': 'GET *', 'nth': '13+', 'times': 3, 'client': '10.0.0.0/8', 'for': 3.0}
        chooser = start(load(fail('GET a', 1, options=options)))
        assert choose(chooser, 'GET a', 1) == Choice(rule('error', warmup=12))

    def test_faults_of_another_proxy(self, load: Load) -> None:
        chooser = start(load(fail('GET a', 1, proxy='other')))
        assert choose(chooser, 'GET a', 1).passes

    def test_a_proxy_that_is_made_anew_goes_on(self, load: Load) -> None:
        """Its requests are counted from 1, as they were while the journal was written."""
        replay = load(fail('GET a', 1), fail('GET a', 1, 'delay'))
        assert choose(start(replay), 'GET a', 1) == Choice(rule('error'))
        assert choose(start(replay), 'GET a', 1) == Choice(rule('delay'))
        assert replay.status()['unplaced'] == []

    def test_after_a_rewind_all_is_as_before(self, load: Load) -> None:
        replay = load(fail('GET a', 1))
        chooser = start(replay)
        for _ in range(2):
            assert replay.status('redis')['placed'] == 0
            assert choose(chooser, 'GET a', 1) == Choice(rule('error'))
            assert replay.status('redis')['placed'] == 1
            chooser.rewind()


class TestReport:
    def test_what_was_placed_and_what_was_not(self, load: Load) -> None:
        replay = load(
            fail('GET a', 1), fail('GET a', 3), fail('GET a', 4), fail('GET b', 1), fail('GET c', 1, proxy='other')
        )
        chooser = start(replay)
        for nth in (1, 2, 3):
            choose(chooser, 'GET a', nth)
        assert list(replay.report()) == [
            f'replayed: 2 of 5 faults of {replay.path}',
            'not placed: redis: GET a #4 error: only 3 such requests came',
            'not placed: redis: GET b #1 error: no such request came',
            'not placed: other: GET c #1 error: there is no such proxy',
        ]
        assert replay.status('redis') == {
            'faults': 4,
            'placed': 2,
            'unplaced': [
                'redis: GET a #4 error: only 3 such requests came',
                'redis: GET b #1 error: no such request came',
            ],
        }

    def test_all_were_placed(self, load: Load) -> None:
        replay = load(fail('GET a', 1), make_entry('GET b', 1))
        choose(start(replay), 'GET a', 1)
        assert list(replay.report()) == [f'replayed: 1 of 1 faults of {replay.path}']

    def test_one_request_came(self, load: Load) -> None:
        replay = load(fail('GET a', 2))
        choose(start(replay), 'GET a', 1)
        assert list(replay.report())[1:] == ['not placed: redis: GET a #2 error: only 1 such request came']

    def test_a_request_that_is_there_twice(self, load: Load) -> None:
        replay = load(fail('GET a', 1), fail('GET a', 1))
        choose(start(replay), 'GET a', 1)
        assert list(replay.report())[1:] == [
            'not placed: redis: GET a #1 error: the journal has another fault of that request'
        ]

    def test_only_so_many_are_named(self, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(replay_module, 'NAMED', 2)
        replay = load(*(fail('GET a', nth) for nth in range(1, 6)))
        start(replay)
        assert len(replay.status()['unplaced']) == 2
        assert list(replay.report())[4:] == ['not placed: 3 more']


class TestMistakes:
    @pytest.mark.parametrize(
        ('entry', 'said'),
        [
            (
                fail('GET a', 1, 'errr'),
                "unknown behavior 'errr', did you mean 'error'?",
            ),
            (
                fail('GET a', 1, options={'message': 7}),
                'message: expected str, got 7',
            ),
            (
                fail('GET a', 1, options={'masage': 'x'}),
                "masage: error has no such option, did you mean 'message'?",
            ),
        ],
    )
    def test_a_fault_that_there_is_not(self, load: Load, tmp_path: Path, entry: Entry, said: str) -> None:
        with pytest.raises(ConfigError) as caught:
            load(make_entry(), entry)
        assert str(caught.value) == f'{tmp_path}/run.jsonl:2: {said}'

    def test_a_fault_that_the_protocol_does_not_have(self, load: Load) -> None:
        replay = load(fail('GET a', 1, options={'errno': 1205}))
        with pytest.raises(ConfigError) as caught:
            start(replay)
        assert str(caught.value).startswith(f'{replay.path}:1: error.errno: ')

    def test_too_many_faults(self, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(replay_module, 'MAX_FAULTS', 2)
        load(fail('GET a', 1), fail('GET a', 2), make_entry())
        with pytest.raises(ConfigError, match=r'run\.jsonl:3: there are more than 2 faults$'):
            load(fail('GET a', 1), fail('GET a', 2), fail('GET a', 3))

    def test_what_is_missing_is_a_warning(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        path = tmp_path / 'run.jsonl'
        path.write_text('{"notice": "2 lines were lost here: no space"}\n')
        with caplog.at_level(logging.WARNING):
            Replay(path)
        assert caplog.messages == [f'replay: {path}:1: 2 lines were lost here: no space']


class TestEmbedded:
    def test_a_run_comes_out_the_same_again(self, redis_server: Server, tmp_path: Path) -> None:
        """Whatever the links are, and whatever is armed meanwhile."""

        def run(proxy: vaurien.Proxy) -> list[object]:
            replies: list[object] = []
            for number in range(30):
                client = redis.Redis(proxy.address.host, proxy.address.port, protocol=2, retry=Retry(NoBackoff(), 0))
                with client:
                    try:
                        replies.append(client.incr(f'replay:{number % 3}', 0))
                    except redis.RedisError as error:
                        replies.append(type(error))
            return replies

        paths = tmp_path / 'first.jsonl', tmp_path / 'second.jsonl'
        with vaurien.Proxy(redis_server.address, 'redis', behavior='30:error,20:abort', journal=paths[0]) as proxy:
            recorded = run(proxy)
        assert len({*recorded}) == 3
        replay = vaurien.Proxy(redis_server.address, 'redis', behavior='hang', replay=paths[0], journal=paths[1])
        with replay as proxy:
            assert run(proxy) == recorded
            status = proxy.status()['replay']
        first, second = ([e for e in read_journal(path) if e.behavior is not None] for path in paths)
        assert [(e.request, e.nth, e.behavior, e.options, e.chance) for e in first] == [
            (e.request, e.nth, e.behavior, e.options, e.chance) for e in second
        ]
        assert status == {'faults': len(first), 'placed': len(first), 'unplaced': []}
        with replay as proxy:  # once more, from the beginning
            assert run(proxy) == recorded

    def test_chance_has_the_same_say_again(self, echo_server: RawBackend, tmp_path: Path) -> None:
        """Also if the request comes on another link."""

        def run(proxy: vaurien.Proxy, before: int) -> bytes:
            for _ in range(before):
                Peer.connect(proxy.address.port).close()
            with Peer.connect(proxy.address.port) as client:
                client.send(b'hello')
                client.shut_down()
                return client.recv_all()

        path = tmp_path / 'run.jsonl'
        with vaurien.Proxy(echo_server.address, behavior='error', journal=path, seed=1) as proxy:
            noise = run(proxy, 0)
        with vaurien.Proxy(echo_server.address, replay=path, seed=2) as proxy:
            assert run(proxy, 3) == noise
        with vaurien.Proxy(echo_server.address, behavior='error', seed=2) as proxy:
            assert run(proxy, 3) != noise

    def test_a_chooser_beside_it(self, echo_server: RawBackend, load: Load) -> None:
        replay = load()
        with pytest.raises(ConfigError, match=r'^replay: it chooses faults, and so does chooser: give one of them$'):
            vaurien.Proxy(echo_server.address, replay=replay.path, chooser=start(replay))

    def test_it_does_not_replace_what_it_replays(self, echo_server: RawBackend, tmp_path: Path) -> None:
        path = tmp_path / 'run.jsonl'
        path.write_bytes(encode(fail('1 bytes', 1)))
        with pytest.raises(ConfigError, match=r'^journal: it would take the place of .*run.jsonl, which is replayed'):
            vaurien.Proxy(echo_server.address, replay=path, journal=path)
        with vaurien.Proxy(echo_server.address, replay=path, journal=True):
            assert path.read_bytes() == encode(fail('1 bytes', 1))


class TestKept:
    def test_the_last_exchanges_can_be_read(self, redis_server: Server, vaurien_proxy: Callable[..., Any]) -> None:
        proxy = vaurien_proxy(redis_server.address, 'redis', journal=True)
        with redis.Redis(proxy.address.host, proxy.address.port) as client:
            client.ping()
        ping = proxy.journal()[-1]
        assert (ping.proxy, ping.request, ping.nth, ping.behavior) == ('vaurien', 'PING', 1, None)

    def test_also_once_it_has_stopped_and_until_it_starts_again(self, redis_server: Server) -> None:
        with vaurien.Proxy(redis_server.address, 'redis', journal=True) as proxy, redis.Redis(*proxy.address) as client:
            client.ping()
        assert proxy.journal()[-1].request == 'PING'
        with proxy:
            assert proxy.journal() == []

    @pytest.mark.parametrize('has_file', [False, True])
    def test_it_stays_where_one_that_runs_is_started(
        self, echo_server: RawBackend, tmp_path: Path, has_file: bool
    ) -> None:
        journal = tmp_path / 'run.jsonl' if has_file else True
        with vaurien.Proxy(echo_server.address, journal=journal) as proxy:
            with Peer.connect(proxy.address.port) as client:
                client.send(b'hello')
                client.shut_down()
                client.recv_all()
            with pytest.raises(RuntimeError, match=r'^the proxy is running already$'):
                proxy.start()
            assert [entry.request for entry in proxy.journal()] == ['5 bytes']

    def test_without_a_journal(self, redis_server: Server) -> None:
        with pytest.raises(ConfigError, match=r'^journal: it keeps none: give journal=True, or the path of a file$'):
            vaurien.Proxy(redis_server.address, 'redis').journal()

    def test_a_file_that_cannot_be_written(self, redis_server: Server, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r'^cannot write the journal'):
            vaurien.Proxy(redis_server.address, 'redis', journal=tmp_path).start()

    def test_a_proxy_that_does_not_start_leaves_the_file(self, echo_server: RawBackend, tmp_path: Path) -> None:
        path = tmp_path / 'run.jsonl'
        with pytest.raises(OSError, match='in use'):
            vaurien.Proxy('localhost:1', proxy=echo_server.address, journal=path).start()
        with vaurien.Proxy(echo_server.address, journal=path):
            pass
