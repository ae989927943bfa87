"""What the journal has of each protocol, with real servers and the clients that applications have."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from threading import Thread
from typing import Any

import psycopg
import pymysql
import pytest
import redis
import requests

from tests.behaviors.clients import http_session, redis_client
from tests.behaviors.mail import CLIENT_NAME, mail_server
from tests.behaviors.waiting import eventually
from tests.engine.journal import Journal
from tests.engine.talk import inside, only_link
from tests.peers import Peer, RawBackend
from tests.servers import HOST, LARGE, Server
from vaurien import Proxy
from vaurien.framing.meaning import Effect, ReplyClass, TransactionState


@contextmanager
def recording(server: Server | str, protocol: str, **settings: Any) -> Iterator[tuple[Proxy, Journal]]:
    journal = Journal()
    address = server if isinstance(server, str) else server.address
    with Proxy(address, protocol, observer=journal, digest=sha256, **settings) as proxy:
        yield proxy, journal


def send_all(client: Peer, data: bytes) -> None:
    """Send as much of *data* as is taken until the link ends."""
    with suppress(OSError):
        client.send(data)


class TestHTTP:
    def test_a_body_that_streams_is_all_in_the_digest(self, nginx: Server) -> None:
        with recording(nginx, 'http') as (proxy, journal), http_session(proxy.address.port) as session:
            for body in (LARGE, LARGE, LARGE[:-1] + b'!'):
                assert session.put('/upload/recorded', body).status_code in (201, 204)
            session.get('/upload/recorded')
            get = journal.await_one('GET /upload/recorded')
        first, second, third = journal.find('PUT /upload/recorded')
        assert first.digest == second.digest != third.digest
        assert [entry.nth for entry in (first, second, third)] == [1, 2, 3]
        assert len(LARGE) < first.sent < len(LARGE) + 1000
        assert len(LARGE) < get.received < len(LARGE) + 1000
        assert get.received - len(LARGE) < get.middle < get.received, 'it is in the body'

    def test_a_reply_to_a_request_that_has_not_ended(self, nginx: Server) -> None:
        """The exchange is over when the request is: 413 comes while the body is on its way."""
        with recording(nginx, 'http') as (proxy, journal), Peer.connect(proxy.address.port) as client:
            client.send(b'PUT /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12')
            assert client.recv_until(b'\r\n').startswith(b'HTTP/1.1 ')
            assert not journal.find('PUT /nowhere')
            client.send(b'345')
            entry = journal.await_one('PUT /nowhere')
        assert (entry.executed, entry.reply) == (True, ReplyClass.ERROR)

    def test_what_asks_for_the_body_is_no_part_of_the_reply(self, nginx: Server) -> None:
        with recording(nginx, 'http') as (proxy, journal), Peer.connect(proxy.address.port) as client:
            client.send(b'PUT /upload/asked HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n')
            assert client.recv_until(b'\r\n\r\n').startswith(b'HTTP/1.1 100 ')
            client.send(b'12345')
            reply = client.recv_until(b'\r\n\r\n')
            entry = journal.await_one('PUT /upload/asked')
        assert (entry.received, entry.reply) == (len(reply), ReplyClass.OK)

    def test_an_interim_reply_in_two_pieces(self, raw_backend: RawBackend) -> None:
        reply = b'HTTP/1.1 204 No Content\r\n\r\n'
        with recording(raw_backend.address, 'http') as (proxy, journal), Peer.connect(proxy.address.port) as client:
            backend = raw_backend.accept()
            client.send(b'GET /interim HTTP/1.1\r\nHost: a\r\n\r\n')
            backend.recv_until(b'\r\n\r\n')
            backend.send(b'HTTP/1.1 103 Early Hints\r\n')
            client.recv_until(b'\r\n')
            backend.send(b'Link: a\r\n\r\n' + reply)
            client.recv_until(b'204 No Content\r\n\r\n')
            assert journal.await_one('GET /interim').received == len(reply)

    def test_a_client_that_leaves_behind_an_early_reply(self, nginx: Server) -> None:
        with recording(nginx, 'http') as (proxy, journal):
            with Peer.connect(proxy.address.port) as client:
                client.send(b'PUT /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12')
                client.recv_until(b'\r\n\r\n')
            entry = journal.await_one('PUT /nowhere')
        assert (entry.executed, entry.reply) == (False, ReplyClass.ERROR)

    def test_a_client_that_leaves_in_the_middle_of_a_request(self, nginx: Server) -> None:
        with recording(nginx, 'http') as (proxy, journal):
            with Peer.connect(proxy.address.port) as client:
                client.send(b'PUT /upload/left HTTP/1.0\r\nContent-Length: 5\r\n\r\n12')
                eventually(lambda: proxy.status()['exchanges'] == 1)
            entry = journal.await_one('PUT /upload/left')
        assert (entry.executed, entry.reply, entry.seconds) == (False, None, None)
        assert entry.sent == len(b'PUT /upload/left HTTP/1.0\r\nContent-Length: 5\r\n\r\n12')

    def test_the_digest_of_a_request_that_meets_a_fault(self, nginx: Server) -> None:
        """It is the same as without: the explorer compares them."""
        with recording(nginx, 'http') as (proxy, journal), http_session(proxy.address.port) as session:
            for spec in ('dummy', 'error', 'delay(sleep=0,before=false)'):
                proxy.set_behavior(spec)
                session.put('/upload/digest', LARGE)
            proxy.set_behavior('abort')
            with pytest.raises(requests.ConnectionError):
                session.put('/upload/digest', LARGE)
            eventually(lambda: len(journal.find('PUT /upload/digest')) == 4)
        entries = journal.find('PUT /upload/digest')
        assert len({(entry.digest, entry.sent) for entry in entries}) == 1
        assert [entry.executed for entry in entries] == [True, False, True, True]
        assert [entry.reply is ReplyClass.OK for entry in entries] == [True, False, True, False]


class TestRedis:
    def test_a_transaction(self, redis_server: Server) -> None:
        with recording(redis_server, 'redis') as (proxy, journal), redis_client(proxy.address.port) as client:
            with client.pipeline() as pipeline:
                pipeline.set('recorded-tx', 1).incr('recorded-tx').execute()
            journal.await_one('EXEC')
        entries = journal.entries[-4:]
        assert [entry.effect for entry in entries] == [Effect.BEGIN, Effect.STEP, Effect.STEP, Effect.COMMIT]
        assert [entry.transaction for entry in entries] == [TransactionState.OPEN] * 3 + [TransactionState.NONE]

    def test_what_the_proxy_asks_itself_is_no_exchange(self, redis_server: Server) -> None:
        """An error to EXEC ends the transaction in the backend, with a DISCARD that nobody has asked for."""
        with recording(redis_server, 'redis') as (proxy, journal), redis_client(proxy.address.port) as client:
            proxy.set_behavior('error', match='EXEC')
            with pytest.raises(redis.RedisError), client.pipeline() as pipeline:
                pipeline.set('recorded-own', 1).execute()
            client.get('recorded-own')
            get = journal.await_one('GET recorded-own')
        texts = [entry.request for entry in journal.entries]
        assert texts[-4:] == ['MULTI', 'SET recorded-own', 'EXEC', 'GET recorded-own']
        (failed,) = journal.find('EXEC')
        assert (failed.executed, failed.reply, failed.behavior) == (False, ReplyClass.ERROR, 'error')
        assert (get.executed, get.reply) == (True, ReplyClass.NOTHING)

    def test_what_comes_behind_a_refused_multi_is_read_again(self, redis_server: Server) -> None:
        """It is carried out at once, each command by itself, though it had come as a part of a transaction."""
        with (
            recording(redis_server, 'redis', behavior='error(match=MULTI)') as (proxy, journal),
            Peer.connect(proxy.address.port) as client,
        ):
            client.send(b'MULTI\r\nSET recorded-multi 1\r\nINCR recorded-multi\r\nEXEC\r\n')
            client.recv_until(b':2\r\n')
            client.recv_until(b'\r\n')
            client.send(b'GET recorded-multi\r\n')
            assert journal.await_one('GET recorded-multi').exchange == 5
        entries = journal.entries[:-1]
        assert [(entry.exchange, entry.request, entry.effect, entry.executed) for entry in entries] == [
            (1, 'MULTI', Effect.BEGIN, False),
            (2, 'SET recorded-multi', Effect.WRITE, True),
            (3, 'INCR recorded-multi', Effect.WRITE, True),
            (4, 'EXEC', Effect.COMMIT, True),
        ]
        assert [entry.sent for entry in entries] == [7, 22, 21, 6]

    def test_a_client_that_begins_with_tls(self, redis_server: Server) -> None:
        """Nobody can read its messages: chunks are all that is known."""
        with recording(redis_server, 'redis') as (proxy, journal):
            with Peer.connect(proxy.address.port) as client:
                client.send(b'\x16\x03\x01\x00\x03abc')
                eventually(lambda: proxy.status()['exchanges'] == 1)
            assert journal.await_one('8 bytes').effect is Effect.WRITE

    def test_a_subscription_ends_the_messages(self, redis_server: Server) -> None:
        with recording(redis_server, 'redis') as (proxy, journal), redis_client(proxy.address.port) as client:
            with client.pubsub() as subscription:
                subscription.subscribe('recorded')
                subscription.get_message(timeout=5)
                subscribed = journal.await_one('SUBSCRIBE recorded')
                client.publish('recorded', 'hello')
                subscription.get_message(timeout=5)
            journal.await_one('PUBLISH recorded')
        reply = b'*3\r\n$9\r\nsubscribe\r\n$8\r\nrecorded\r\n:1\r\n'
        assert (subscribed.received, subscribed.reply) == (len(reply), ReplyClass.OK)


class TestMemcache:
    def test_requests_without_a_reply(self, memcached: Server) -> None:
        with recording(memcached, 'memcache') as (proxy, journal), Peer.connect(proxy.address.port) as client:
            client.send(b'set recorded 0 0 3 noreply\r\nabc\r\nget recorded\r\n')
            client.recv_until(b'END\r\n')
            journal.await_one('get recorded')
        silent, get = journal.entries
        assert (silent.request, silent.executed, silent.reply) == ('set recorded', True, None)
        assert (get.exchange, get.received) == (2, len(b'VALUE recorded 0 3\r\nabc\r\nEND\r\n'))

    def test_a_large_request_without_a_reply(self, memcached: Server) -> None:
        """It is over when all of it has come, and not when its head has."""
        with recording(memcached, 'memcache') as (proxy, journal), Peer.connect(proxy.address.port) as client:
            head = b'set recorded-large 0 0 %d noreply\r\n' % len(LARGE)
            client.send(head + LARGE[:-1])
            eventually(lambda: proxy.status()['bytes']['upstream'] == len(head) + len(LARGE) - 1)
            assert not journal.entries
            client.send(LARGE[-1:] + b'\r\n')
            entry = journal.await_one('set recorded-large')
        assert (entry.sent, entry.executed, entry.reply) == (len(head) + len(LARGE) + 2, True, None)
        assert entry.digest == sha256(head + LARGE + b'\r\n').hexdigest()


class TestMySQL:
    def test_a_greeting_a_login_and_a_transaction(self, mariadb: Server) -> None:
        with recording(mariadb, 'mysql') as (proxy, journal):
            client = pymysql.connect(
                host=HOST, port=proxy.address.port, user='tester', password='secret', database='test'
            )
            with client, client.cursor() as cursor:
                cursor.execute('CREATE TEMPORARY TABLE recorded (a INT)')
                cursor.execute('INSERT INTO recorded VALUES (1)')
                proxy.set_behavior('error', match='INSERT*', errno=1213)
                with pytest.raises(pymysql.OperationalError, match='1213'):
                    cursor.execute('INSERT INTO recorded VALUES (2)')
                client.commit()
        greeting, login = journal.entries[:2]
        assert (greeting.request, greeting.effect, greeting.sent) == ('greeting', Effect.CONNECT, 0)
        assert (login.request, login.exchange) == ('login tester@test', 2)
        written, failed = (entry for entry in journal.entries if entry.request.startswith('INSERT'))
        (commit,) = journal.find('COMMIT')
        assert (written.effect, written.repeatable, written.transaction) == (Effect.WRITE, False, TransactionState.OPEN)
        assert (failed.executed, failed.reply, failed.transaction) == (False, ReplyClass.ERROR, TransactionState.NONE)
        assert (commit.effect, commit.executed) == (Effect.COMMIT, True)


class TestPostgres:
    @pytest.mark.parametrize('settings', [{}, {'proxy_tls': 'auto'}], ids=['plain', 'tls'])
    def test_a_transaction_that_an_error_fails(self, postgres: Server, settings: dict[str, str]) -> None:
        """TLS begins in the middle of the link; nothing that comes behind it is missed."""
        with recording(postgres, 'postgres', **settings) as (proxy, journal):
            place = f'host={HOST} port={proxy.address.port} user=tester password=secret dbname=postgres'
            with psycopg.connect(f'{place} sslmode={"require" if settings else "prefer"}') as client:
                client.execute('CREATE TEMPORARY TABLE recorded (a INT)')
                client.execute('INSERT INTO recorded VALUES (%s)', (1,))
                proxy.set_behavior('error', match='INSERT*', sqlstate='40001')
                with pytest.raises(psycopg.errors.SerializationFailure):
                    client.execute('INSERT INTO recorded VALUES (2)')
                client.rollback()
        assert [entry.request for entry in journal.entries[:3]] == ['SSLRequest', 'startup tester@postgres', 'BEGIN']
        assert [entry.exchange for entry in journal.entries] == [*range(1, len(journal.entries) + 1)]
        written, failed = (entry for entry in journal.entries if entry.request.startswith('INSERT'))
        assert (written.executed, written.transaction) == (True, TransactionState.OPEN)
        assert (failed.executed, failed.reply, failed.transaction) == (False, ReplyClass.ERROR, TransactionState.FAILED)
        (rollback,) = journal.find('ROLLBACK')
        assert rollback.transaction is TransactionState.NONE


class TestSMTP:
    def test_the_message_belongs_to_its_command(self) -> None:
        """The server asks for it in between, which is no reply."""
        content = b'Subject: recorded\r\n\r\n' + b'a line\r\n' * 2000
        with (
            mail_server() as mailbox,
            recording(mailbox.address, 'smtp') as (proxy, journal),
            smtplib.SMTP(HOST, proxy.address.port, CLIENT_NAME) as client,
        ):
            for body in (content, content, content + b'more\r\n'):
                client.sendmail('a@example.com', ['b@example.com'], body)
        banner = journal.entries[0]
        assert (banner.request, banner.exchange, banner.sent) == ('banner', 1, 0)
        first, second, third = journal.find('DATA')
        assert first.digest == second.digest != third.digest
        assert first.sent == len(b'DATA\r\n') + len(content) + len(b'.\r\n')
        assert (first.received, first.reply) == (len(b'250 2.0.0 Kept\r\n'), ReplyClass.OK)

    def test_what_the_proxy_asks_before_it_begins_tls(self) -> None:
        """The server is told to forget what the client has said before STARTTLS: neither of it is seen."""
        with (
            mail_server() as mailbox,
            recording(mailbox.address, 'smtp', proxy_tls='auto') as (proxy, journal),
            smtplib.SMTP('localhost', proxy.address.port, CLIENT_NAME) as client,
        ):
            code, text = client.starttls(context=proxy.ssl_context())
            client.noop()
            journal.await_one('NOOP')
        assert journal.await_one('STARTTLS').received == len(b'%d %b\r\n' % (code, text))
        assert [entry.request for entry in journal.entries][:4] == ['banner', f'EHLO {CLIENT_NAME}', 'STARTTLS', 'NOOP']

    def test_a_message_that_is_refused_in_the_place_of_the_server(self) -> None:
        """The client was asked for it, and has sent it: all of it is in the digest, as if the server had taken it."""
        content = b'Subject: refused\r\n\r\nHello\r\n'
        with (
            mail_server() as mailbox,
            recording(mailbox.address, 'smtp') as (proxy, journal),
            smtplib.SMTP(HOST, proxy.address.port, CLIENT_NAME) as client,
        ):
            client.sendmail('a@example.com', ['b@example.com'], content)
            proxy.set_behavior('error', match='DATA')
            with pytest.raises(smtplib.SMTPDataError) as failure:
                client.sendmail('a@example.com', ['b@example.com'], content)
        taken, refused = journal.find('DATA')
        assert (taken.executed, refused.executed, refused.reply) == (True, False, ReplyClass.ERROR)
        assert (taken.digest, taken.sent) == (refused.digest, refused.sent)
        assert isinstance(failure.value.smtp_error, bytes)
        assert refused.received == len(b'451 %b\r\n' % failure.value.smtp_error), 'and 354 is no part of it'


class TestTCP:
    def test_each_chunk_is_an_exchange(self, redis_server: Server) -> None:
        with recording(redis_server, 'tcp') as (proxy, journal), Peer.connect(proxy.address.port) as client:
            client.send(b'PING\r\n')
            client.recv_until(b'\r\n')
            client.send(b'PI')
            eventually(lambda: proxy.status()['exchanges'] == 2)
            client.send(b'NG\r\n')
            client.recv_until(b'\r\n')
            eventually(lambda: len(journal.entries) == 3)
        assert [(entry.request, entry.sent, entry.received) for entry in journal.entries] == [
            ('6 bytes', 6, 7),
            ('2 bytes', 2, 0),
            ('4 bytes', 4, 7),
        ]
        assert [entry.reply is None for entry in journal.entries] == [False, True, False]

    def test_a_chunk_that_goes_past_a_behavior(self, raw_backend: RawBackend) -> None:
        """It draws nothing, and is not told of; those behind it have what is theirs."""
        settings: dict[str, Any] = {'behavior': 'delay(sleep=0,before=false,nth=1)'}
        with (
            recording(raw_backend.address, 'tcp', **settings) as (proxy, journal),
            Peer.connect(proxy.address.port) as client,
        ):
            backend = raw_backend.accept()
            for piece in (b'1', b'22'):
                client.send(piece)
                assert backend.recv_exactly(len(piece)) == piece
            backend.send(b'a')
            assert client.recv() == b'a'
            eventually(lambda: journal.entries)
            client.send(b'333')
            assert backend.recv_exactly(3) == b'333'
            backend.send(b'bbbb')
            third = journal.await_one('3 bytes')
        assert [(entry.request, entry.exchange) for entry in journal.entries] == [('1 bytes', 1), ('3 bytes', 3)]
        assert (third.sent, third.received) == (3, 4)


class TestEnds:
    def test_requests_that_were_not_sent_on(self, raw_backend: RawBackend) -> None:
        """The backend takes nothing any more: what still waits for it when the link ends was not executed."""
        request = b'*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1000\r\n%b\r\n' % bytes(1000)
        with (
            recording(raw_backend.address, 'redis') as (proxy, journal),
            Peer.connect(proxy.address.port) as client,
            raw_backend.accept() as backend,
        ):
            sender = Thread(target=send_all, args=[client, request * 20_000])
            sender.start()
            eventually(lambda: inside(proxy, lambda server: only_link(server).up.unsent))
            proxy.disable()
            sender.join()
            arrived = len(backend.recv_all())
        executed = [entry.executed for entry in journal.entries]
        assert executed == sorted(executed, reverse=True)
        assert executed.count(True) == arrived // len(request) > 0

    def test_a_backend_that_is_not_there(self) -> None:
        """No request is executed, whether a fault answers it or nobody."""
        with recording('127.0.0.1:1', 'redis', behavior='error(match=PING)') as (proxy, journal):
            with Peer.connect(proxy.address.port) as client:
                client.send(b'*1\r\n$4\r\nPING\r\n')
                client.recv_until(b'\r\n')
                client.send(b'*2\r\n$3\r\nGET\r\n$1\r\na\r\n')
                with pytest.raises(ConnectionResetError):
                    client.recv()
            get = journal.await_one('GET a')
        (ping,) = journal.find('PING')
        assert (ping.executed, ping.reply) == (False, ReplyClass.ERROR)
        assert (get.executed, get.reply) == (False, None)

    def test_a_proxy_that_is_stopped(self, redis_server: Server) -> None:
        """What waits for a reply then has none, but it is told of."""
        with recording(redis_server, 'redis') as (proxy, journal), Peer.connect(proxy.address.port) as client:
            client.send(b'*3\r\n$5\r\nBLPOP\r\n$13\r\nrecorded-list\r\n$1\r\n0\r\n')
            eventually(lambda: proxy.status()['exchanges'] == 1)
            assert not journal.entries
            proxy.disable()
            entry = journal.await_one('BLPOP recorded-list')
        assert (entry.executed, entry.reply, entry.received, entry.seconds) == (True, None, 0, None)

    def test_requests_behind_one_that_hangs(self, redis_server: Server) -> None:
        """They never come to their turn: the proxy does not count them either."""
        with recording(redis_server, 'redis', behavior='hang(match=PING)') as (proxy, journal):
            with Peer.connect(proxy.address.port) as client:
                client.send(b'*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n')
                eventually(lambda: proxy.faults())
            hung = journal.await_one('PING')
            assert proxy.status()['exchanges'] >= 1
        assert (hung.executed, hung.behavior) == (False, 'hang')
