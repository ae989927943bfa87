"""What observers are told of exchanges, and what a chooser may have done to them. All servers and clients are real."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from hashlib import sha256
from typing import Any

import psycopg
import pymysql
import pytest
import redis

from tests.behaviors.clients import redis_client
from tests.behaviors.waiting import eventually
from tests.engine.journal import Journal
from tests.peers import Peer, RawBackend
from tests.servers import HOST, Server
from vaurien import Proxy
from vaurien.behaviors.dummy import Dummy
from vaurien.engine import recorder, recording
from vaurien.engine.chooser import Choice
from vaurien.framing.meaning import ReplyClass
from vaurien.plugins.end import End
from vaurien.plugins.registry import Registry
from vaurien.protocols.base import BaseProtocol
from vaurien.records.observer import ObservedLink
from vaurien.rules.behaviors import make_rules


def get(number: int) -> bytes:
    """A request of Redis."""
    return b'*2\r\n$3\r\nGET\r\n$1\r\n%d\r\n' % number


class Choosing:
    """Chooses a behavior for requests with one text, and remembers what it was asked."""

    def __init__(self, wanted: str, spec: str) -> None:
        self.asked: list[tuple[int, int, str, int, bytes]] = []
        self._wanted, self._rule = wanted, make_rules(spec)[0]

    def choose(self, link: ObservedLink, exchange: int, text: str, nth: int, request: bytes) -> Choice | None:
        self.asked.append((link.number, exchange, text, nth, request))
        return Choice(self._rule, 'app/orders.py:41') if text == self._wanted else None


class TestEntries:
    def test_a_request_and_its_reply(self, redis_server: Server) -> None:
        journal = Journal()
        with (
            Proxy(redis_server.address, 'redis', observer=journal, digest=sha256) as proxy,
            redis_client(proxy.address.port) as client,
        ):
            client.set('recorded', b'x' * 5000)
            client.get('recorded')
            get = journal.await_one('GET recorded')
        asked = b'*2\r\n$3\r\nGET\r\n$8\r\nrecorded\r\n'
        assert (get.proxy, get.link, get.nth) == ('vaurien', 1, 1)
        assert get.exchange == journal.find('SET recorded')[0].exchange + 1
        assert (get.sent, get.received, get.digest) == (len(asked), 5009, sha256(asked).hexdigest())
        assert (get.reply, get.executed, get.behavior, get.options, get.where) == (ReplyClass.OK, True, None, {}, '')
        assert get.first is not None
        assert get.seconds is not None
        assert 0 < get.first <= get.seconds

    def test_requests_with_the_same_text_are_counted_over_all_links(self, redis_server: Server) -> None:
        journal = Journal()
        with Proxy(redis_server.address, 'redis', observer=journal) as proxy:
            for _ in range(2):
                with redis_client(proxy.address.port) as client:
                    client.get('counted')
                    client.get('counted')
            eventually(lambda: len(journal.find('GET counted')) == 4)
        assert [entry.nth for entry in journal.find('GET counted')] == [1, 2, 3, 4]
        assert {entry.digest for entry in journal.entries} == {''}, 'nobody asked for digests'

    def test_a_pipeline(self, redis_server: Server) -> None:
        journal = Journal()
        with (
            Proxy(redis_server.address, 'redis', observer=journal) as proxy,
            redis_client(proxy.address.port) as client,
        ):
            pipeline = client.pipeline(transaction=False)
            for number in range(5):
                pipeline.set(f'pipelined-{number}', 'x' * number)
                pipeline.get(f'pipelined-{number}')
            pipeline.execute()
            journal.await_one('GET pipelined-4')
        last = journal.entries[-10:]
        assert [entry.request for entry in last] == [f'{c} pipelined-{n}' for n in range(5) for c in ('SET', 'GET')]
        assert [entry.received for entry in last[1::2]] == [6, 7, 8, 9, 10]


class TestFaults:
    @pytest.mark.parametrize(
        ('spec', 'executed', 'is_whole', 'received'),
        [
            ('error', False, True, len('-ERR injected by vaurien\r\n')),
            ('abort', True, False, 0),
            ('hang', False, False, 0),
            ('abort(after=3 bytes)', True, False, 3),
            ('delay(sleep=0)', True, True, 7),
            ('delay(sleep=0,before=false)', True, True, 7),
            ('dribble(rate=1000)', True, True, 7),
        ],
    )
    def test_what_becomes_of_the_request_and_the_reply(
        self, redis_server: Server, spec: str, executed: bool, is_whole: bool, received: int
    ) -> None:
        journal = Journal()
        with (
            Proxy(redis_server.address, 'redis', observer=journal) as proxy,
            redis_client(proxy.address.port, socket_timeout=0.5 if spec == 'hang' else None) as client,
        ):
            client.set('faulty', 'x')
            proxy.set_behavior(spec.replace('(', '(match="GET faulty",').rstrip(')') + ')' if '(' in spec else spec)
            try:
                client.get('faulty')
            except redis.RedisError:
                proxy.set_behavior('dummy')
            client.ping()
            entry = journal.await_one('GET faulty')
        assert (entry.executed, entry.reply is not None, entry.received) == (executed, is_whole, received)
        assert (entry.first is not None, entry.seconds is not None) == (received > 0, is_whole)
        assert entry.behavior == spec.partition('(')[0]
        assert entry.options.get('sleep', 0) == 0


class TestAll:
    """Each exchange has one entry, whatever happens to it and to those around it."""

    SPECS = '15:error,15:delay(sleep=0),15:delay(sleep=0,before=false),10:dribble(rate=100000),10:transient'

    def test_a_pipeline_with_many_faults(self, redis_server: Server) -> None:
        journal, count = Journal(), 300
        with (
            Proxy(redis_server.address, 'redis', behavior=self.SPECS, seed=7, observer=journal) as proxy,
            Peer.connect(proxy.address.port) as client,
        ):
            for number in range(count):
                client.send(get(number % 10))
            eventually(lambda: len(journal.entries) >= count)
            hits = proxy.status()['faults']
        assert [entry.exchange for entry in journal.entries] == [*range(1, count + 1)]
        assert [entry.request for entry in journal.entries] == [f'GET {number % 10}' for number in range(count)]
        met = Counter(entry.behavior for entry in journal.entries if entry.behavior)
        assert met == {name: number for name, number in hits.items() if number}
        assert {entry.executed for entry in journal.entries if not entry.behavior} == {True}
        assert {entry.executed for entry in journal.entries if entry.behavior == 'error'} == {False}
        assert all(entry.reply is not None for entry in journal.entries)

    def test_links_that_end_at_random(self, redis_server: Server) -> None:
        journal = Journal()
        spec = '10:abort,10:blackout,10:delay(sleep=0),10:error'
        with Proxy(redis_server.address, 'redis', behavior=spec, seed=3, observer=journal) as proxy:
            for _ in range(30):
                with Peer.connect(proxy.address.port) as client, suppress(OSError):
                    client.send(get(1) * 10)
                    client.shut_down()
                    client.recv_all()
            eventually(lambda: not proxy.status()['links']['open'])
            exchanges = proxy.status()['exchanges']
        assert len(journal.entries) == exchanges
        for link in {entry.link for entry in journal.entries}:
            numbers = [entry.exchange for entry in journal.entries if entry.link == link]
            assert numbers == [*range(1, len(numbers) + 1)]
            last = [entry for entry in journal.entries if entry.link == link][-1]
            if last.behavior == 'abort':
                assert (last.executed, last.reply, last.received) == (True, None, 0)
            elif last.behavior == 'blackout':
                assert (last.executed, last.reply, last.received) == (False, None, 0)
            else:
                assert (last.exchange, last.reply is None) == (10, False)


class TestOwnBehaviors:
    def test_requests_that_a_behavior_reads(self, redis_server: Server, behaviors: Registry[Dummy]) -> None:
        """The backend never sees them: the one that it is applied to, and the next one, which it reads as well."""

        class Greedy(Dummy):
            name = 'greedy'

            def on_before_handle(self, protocol: BaseProtocol, source: End, dest: End, to_backend: bool) -> bool:
                while source.recv() != get(2):
                    pass
                source.sendall(b'+mine\r\n')
                return False

        behaviors.register(Greedy)
        journal = Journal()
        with (
            Proxy(redis_server.address, 'redis', behavior='greedy(match="GET 1")', observer=journal) as proxy,
            Peer.connect(proxy.address.port) as client,
        ):
            client.send(get(1) + get(2) + get(3))
            assert client.recv_exactly(7) == b'+mine\r\n'
            journal.await_one('GET 3')
        entries = sorted(journal.entries, key=lambda entry: entry.exchange)
        assert [(entry.request, entry.executed) for entry in entries] == [
            ('GET 1', False),
            ('GET 2', False),
            ('GET 3', True),
        ]
        assert [entry.received for entry in entries[:2]] == [7, 0]


class TestLimits:
    def test_requests_behind_too_many_that_wait_are_not_recorded(
        self, raw_backend: RawBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nor do they meet what would be chosen for them; replies go on belonging to the right requests."""
        monkeypatch.setattr(recorder, 'MAX_ASKED', 2)
        journal = Journal()
        with (
            Proxy(raw_backend.address, 'redis', observer=journal) as proxy,
            Peer.connect(proxy.address.port) as client,
        ):
            backend = raw_backend.accept()
            client.send(b''.join(get(number) for number in range(4)))
            backend.recv_exactly(4 * len(get(0)))
            proxy.set_behavior('error', match='GET 4')
            client.send(get(4))
            eventually(lambda: proxy.status()['exchanges'] == 5)
            backend.send(b'$1\r\n0\r\n$-1\r\n$3\r\n222\r\n$1\r\n3\r\n')
            client.recv_until(b'vaurien\r\n')
            proxy.set_behavior('dummy')
            client.send(get(5))
            backend.recv_exactly(len(get(5)))
            backend.send(b'$5\r\n55555\r\n')
            last = journal.await_one('GET 5')
        assert [(entry.request, entry.received) for entry in journal.entries] == [
            ('GET 0', 7),
            ('GET 1', 5),
            ('GET 5', 11),
        ]
        assert last.exchange == 6

    def test_so_many_texts_are_counted(self, redis_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(recording, 'MAX_TEXTS', 2)
        journal = Journal()
        with (
            Proxy(redis_server.address, 'redis', observer=journal) as proxy,
            Peer.connect(proxy.address.port) as client,
        ):
            for number in (1, 2, 1, 3, 3, 1):
                client.send(get(number))
                client.recv_until(b'\r\n')
            eventually(lambda: len(journal.entries) == 6)
        assert [entry.nth for entry in journal.entries] == [1, 1, 2, 1, 2, 1]


class TestChoosing:
    def test_what_is_chosen_takes_the_place_of_the_draw(self, redis_server: Server) -> None:
        journal, chooser = Journal(), Choosing('GET chosen', 'error(message="MINE chosen")')
        aborting = 'abort(match="GET chosen")'
        with (
            Proxy(redis_server.address, 'redis', behavior=aborting, observer=journal, chooser=chooser) as proxy,
            redis_client(proxy.address.port) as client,
        ):
            for _ in range(2):
                with pytest.raises(redis.ResponseError, match='MINE chosen'):
                    client.get('chosen')
            faults = proxy.faults()
        assert [(fault.request, fault.behavior) for fault in faults] == [('GET chosen', 'error')] * 2
        assert [entry.where for entry in journal.find('GET chosen')] == ['app/orders.py:41'] * 2
        link, _, _, _, request = chooser.asked[-1]
        assert (link, request) == (1, b'*2\r\n$3\r\nGET\r\n$6\r\nchosen\r\n')
        assert [nth for _, _, text, nth, _ in chooser.asked if text == 'GET chosen'] == [1, 2]

    @pytest.mark.parametrize(
        ('answer', 'reason'),
        [(ValueError('boom'), 'ValueError: boom'), ('delay', "expected a Choice or None, got 'delay'")],
    )
    def test_a_chooser_with_a_mistake(
        self, redis_server: Server, caplog: pytest.LogCaptureFixture, answer: object, reason: str
    ) -> None:
        """Its requests draw, as if there were none."""

        class Mistaken:
            def choose(self, *args: object) -> Any:
                if isinstance(answer, Exception):
                    raise answer
                return answer

        erring = 'error(match="GET *", message="MINE drawn")'
        with (
            Proxy(redis_server.address, 'redis', behavior=erring, chooser=Mistaken()) as proxy,
            redis_client(proxy.address.port) as client,
        ):
            with pytest.raises(redis.ResponseError, match='MINE drawn'):
                client.get('a')
            assert client.ping()
        said = [f'Mistaken failed, and {text} draws: {reason}' for text in ('GET a', 'PING')]
        assert [record.getMessage() for record in caplog.records if 'Mistaken' in record.getMessage()][-2:] == said

    def test_it_stays_when_something_else_is_armed(self, redis_server: Server) -> None:
        chooser = Choosing('GET waiting', 'delay(sleep=0.05)')
        with Proxy(redis_server.address, 'redis', chooser=chooser) as proxy, redis_client(proxy.address.port) as client:
            client.ping()
            proxy.set_behavior('dummy')
            client.get('waiting')
            (fault,) = proxy.faults()
            assert fault.behavior == 'delay'

    def test_a_greeting_is_chosen_for(self, mariadb: Server) -> None:
        """It has no request."""
        chooser = Choosing('greeting', 'error(errno=1040)')
        with (
            Proxy(mariadb.address, 'mysql', chooser=chooser) as proxy,
            pytest.raises(pymysql.OperationalError, match='1040'),
        ):
            pymysql.connect(host=HOST, port=proxy.address.port, user='tester', password='secret')
        assert chooser.asked == [(1, 1, 'greeting', 1, b'')]

    def test_a_message_of_several_statements_is_one_request(self, postgres: Server) -> None:
        """Whoever chooses sees all of it, and what is chosen is for all of it."""
        journal, chooser = Journal(), Choosing('SELECT 1; SELECT 2', 'error(sqlstate=40001)')
        with (
            Proxy(postgres.address, 'postgres', observer=journal, chooser=chooser) as proxy,
            psycopg.connect(
                f'host={HOST} port={proxy.address.port} user=tester password=secret dbname=postgres', autocommit=True
            ) as client,
        ):
            with pytest.raises(psycopg.errors.SerializationFailure):
                client.execute('SELECT 1; SELECT 2')
            assert client.execute('SELECT 3').fetchone() == (3,)
        assert [text for _, _, text, _, _ in chooser.asked if text.startswith('SELECT')] == [
            'SELECT 1; SELECT 2',
            'SELECT 3',
        ]
        entry = journal.await_one('SELECT 1; SELECT 2')
        assert (entry.executed, entry.reply) == (False, ReplyClass.ERROR)

    def test_what_cannot_be_applied_is_a_warning(self, redis_server: Server, caplog: pytest.LogCaptureFixture) -> None:
        chooser = Choosing('GET chosen', 'error(code=503)')
        with Proxy(redis_server.address, 'redis', chooser=chooser) as proxy, redis_client(proxy.address.port) as client:
            client.get('chosen')
            assert not proxy.faults()
        assert [message for message in caplog.messages if 'chosen' in message] == [
            'what was chosen for GET chosen cannot be applied: '
            'error.code: errors of redis have no such option, only message'
        ]
