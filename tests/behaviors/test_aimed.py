"""Errors aimed at some requests, as applications meet them: over real drivers, and tried again as each driver does."""

from __future__ import annotations

import smtplib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, nullcontext
from typing import Any, ClassVar, TypeVar

import mysql.connector
import psycopg
import pymysql
import pytest
import requests
from bmemcached.exceptions import MemcachedException  # type: ignore[import-untyped]
from psycopg.errors import SerializationFailure
from psycopg.pq import ExecStatus
from pymemcache.client.retrying import RetryingClient  # type: ignore[import-untyped]
from pymemcache.exceptions import MemcacheServerError  # type: ignore[import-untyped]
from pymysql.constants import ER
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, OutOfMemoryError, TryAgainError
from redis.retry import Retry as RedisRetry
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from tests.behaviors.clients import http_session, redis_client
from tests.behaviors.mail import Mailbox, mail_client, mail_server
from tests.behaviors.talk import connect
from tests.behaviors.test_memcache import binary_client, text_client
from tests.behaviors.test_mysql import ask, mysql_client
from tests.behaviors.test_postgres import enter, next_result, one
from tests.commands import StartCommand
from tests.peers import RawBackend
from tests.servers import HOST, Server
from vaurien import Client, Proxy

Result = TypeVar('Result')

#: How often an application tries before it gives up: one time more than the first two.
TRIES = 3
SENDER = 'shop@example.com'
ADA, BOB = 'ada@example.com', 'bob@example.com'


def persist(
    act: Callable[[], Result],
    tries: int,
    is_passing: Callable[[Exception], bool],
    recover: Callable[[], object] = lambda: None,
) -> Result:
    """Return what *act* returns; try again after errors that are *passing*, and call *recover* before each new try."""
    for left in reversed(range(tries)):
        try:
            return act()
        except Exception as error:  # those that do not pass are raised again
            recover()
            if not (left and is_passing(error)):
                raise
    raise AssertionError('it was not tried at all')


def requests_hit(proxy: Proxy) -> list[str]:
    """Return the texts of the requests that were hit."""
    return [fault.request for fault in proxy.faults()]


def counted(proxy: Proxy | Client) -> list[tuple[int, int]]:
    """Return, for each rule, how many requests it matched and how many it hit."""
    return [(armed['matched'], armed['hits']) for armed in proxy.status()['behaviors']]


def links(proxy: Proxy) -> int:
    """Return how many connections there have been, and so the number of the last one."""
    return int(proxy.status()['links']['total'])


def retrying_session(stack: ExitStack, port: int, retry: Retry) -> requests.Session:
    """Return a session that tries requests again."""
    session = stack.enter_context(http_session(port))
    session.mount('http://', HTTPAdapter(max_retries=retry))
    return session


def is_deadlock(error: Exception) -> bool:
    """Return whether MySQL chose the transaction as the victim of a deadlock."""
    return isinstance(error, (pymysql.Error, mysql.connector.Error)) and error.args[0] == ER.LOCK_DEADLOCK


def is_serialization_failure(error: Exception) -> bool:
    """Return whether PostgreSQL could not serialize the transaction."""
    return isinstance(error, psycopg.errors.SerializationFailure)


def is_temporary(error: Exception) -> bool:
    """Return whether every recipient was refused for now."""
    return isinstance(error, smtplib.SMTPRecipientsRefused) and all(
        code // 100 == 4 for code, _ in error.recipients.values()
    )


class Application(ABC):
    """Writes values with one driver, which tries several times, and reads the last value over the same connection."""

    protocol: ClassVar[str]
    #: The fixture that gives the server.
    backend: ClassVar[str]
    #: What writes look like, and the whole text of the one that is hit.
    match: ClassVar[str]
    request: ClassVar[str]
    error: ClassVar[dict[str, Any]]
    #: What the driver raises in the end, and what is in its text.
    failure: ClassVar[type[Exception]]
    tells: ClassVar[str]
    #: Whether the driver keeps its connection after the error.
    keeps: ClassVar[bool] = True
    #: What is read after writes that have failed.
    remains: ClassVar[str] = 'old'

    def __init__(self, proxy: Proxy, server: Any, tries: int, stack: ExitStack) -> None:
        self.server = server
        self.tries = tries
        self.open(proxy, stack)

    @abstractmethod
    def open(self, proxy: Proxy, stack: ExitStack) -> None:
        """Connect; the connection ends with *stack*."""

    @abstractmethod
    def write(self, value: str) -> None:
        """Write a value, and try again."""

    @abstractmethod
    def read(self) -> str:
        """Return the value that was written last."""


class HTTP(Application):
    """`requests`, with the retries of urllib3."""

    protocol, backend = 'http', 'nginx'
    match, request = 'PUT /upload/aimed*', 'PUT /upload/aimed/7'
    error = {'code': 503, 'retry_after': 0}
    failure, tells = requests.exceptions.RetryError, 'too many 503 error responses'

    def open(self, proxy: Proxy, stack: ExitStack) -> None:
        retry = Retry(self.tries - 1, status_forcelist=[503], allowed_methods=['PUT'])
        self.session = retrying_session(stack, proxy.address.port, retry)

    def write(self, value: str) -> None:
        self.session.put('/upload/aimed/7', data=value).raise_for_status()

    def read(self) -> str:
        return self.session.get('/upload/aimed/7').text


class Redis(Application):
    """`redis`, with its retries. After an error for which it tries again, it closes the connection, even at last."""

    protocol, backend = 'redis', 'redis_server'
    match, request = 'SET aimed*', 'SET aimed:7'
    error = {'message': 'LOADING'}
    failure: ClassVar[type[Exception]] = BusyLoadingError
    tells = 'loading the dataset'
    keeps = False

    def open(self, proxy: Proxy, stack: ExitStack) -> None:
        retry = RedisRetry(NoBackoff(), self.tries - 1)
        again = [self.failure] if self.tries > 1 else []
        self.client = stack.enter_context(redis_client(proxy.address.port, retry=retry, retry_on_error=again))

    def write(self, value: str) -> None:
        self.client.set('aimed:7', value)

    def read(self) -> str:
        return str(self.client.get('aimed:7').decode())


class RedisCluster(Redis):
    """`redis`, with an error after which it tries again only if it is told to."""

    error = {'message': 'TRYAGAIN'}
    failure, tells = TryAgainError, 'rehashing of slot'
    keeps = True


class MemcacheText(Application):
    """pymemcache, with its own retries. It closes its connection after every error."""

    protocol, backend = 'memcache', 'memcached'
    match, request = 'set aimed*', 'set aimed:7'
    error = {'message': 'out of memory storing object'}
    failure, tells = MemcacheServerError, 'out of memory storing object'
    remains = 'nothing'  # memcached forgets what it had
    keeps = False

    def open(self, proxy: Proxy, stack: ExitStack) -> None:
        client = stack.enter_context(text_client(proxy))
        self.client = RetryingClient(client, attempts=self.tries, retry_for=[self.failure])

    def write(self, value: str) -> None:
        assert self.client.set('aimed:7', value)

    def read(self) -> str:
        found = self.client.get('aimed:7')
        return str(found.decode()) if found else self.remains


class MemcacheBinary(MemcacheText):
    """bmemcached, in a loop that tries again."""

    failure, tells = MemcachedException, 'Code: 130'
    keeps = True

    def open(self, proxy: Proxy, stack: ExitStack) -> None:
        self.client = stack.enter_context(binary_client(proxy))

    def write(self, value: str) -> None:
        def store() -> None:
            assert self.client.set('aimed:7', value.encode())

        persist(store, self.tries, lambda error: isinstance(error, MemcachedException) and error.code == 0x82)


class MySQL(Application):
    """`pymysql`, in a loop that tries a transaction again after a deadlock."""

    protocol, backend = 'mysql', 'mariadb'
    match, request = 'UPDATE aimed*', "UPDATE aimed SET value = 'new'"
    error = {'errno': ER.LOCK_DEADLOCK}
    failure: ClassVar[type[Exception]] = pymysql.err.OperationalError
    tells = str(ER.LOCK_DEADLOCK)

    def open(self, proxy: Proxy, stack: ExitStack) -> None:
        self.client = stack.enter_context(mysql_client(proxy))
        ask(self.client, "CREATE OR REPLACE TABLE aimed (value text) SELECT 'none' AS value")

    def write(self, value: str) -> None:
        def transact() -> None:
            ask(self.client, 'UPDATE aimed SET value = %s', value)
            self.client.commit()

        persist(transact, self.tries, is_deadlock, self.client.rollback)

    def read(self) -> str:
        return str(ask(self.client, 'SELECT value FROM aimed')[0][0])


class MySQLPrepared(MySQL):
    """`mysql.connector`, in such a loop, with a statement that the server has prepared."""

    request = 'UPDATE aimed SET value = ?'
    failure = mysql.connector.Error

    def open(self, proxy: Proxy, stack: ExitStack) -> None:
        given = {'host': HOST, 'port': proxy.address.port, 'user': 'tester', 'password': 'secret', 'database': 'test'}
        self.client: Any = mysql.connector.connect(**given, use_pure=True, ssl_disabled=True)
        stack.enter_context(closing(self.client))
        self.writer = stack.enter_context(closing(self.client.cursor(prepared=True)))
        self.reader: Any = stack.enter_context(closing(self.client.cursor()))
        self.reader.execute("CREATE OR REPLACE TABLE aimed (value text) SELECT 'none' AS value")

    def write(self, value: str) -> None:
        def transact() -> None:
            self.writer.execute('UPDATE aimed SET value = ?', (value,))
            self.client.commit()

        persist(transact, self.tries, is_deadlock, self.client.rollback)

    def read(self) -> str:
        self.reader.execute('SELECT value FROM aimed')
        return str(self.reader.fetchall()[0][0])


class Postgres(Application):
    """psycopg, in a loop that tries a transaction again after a serialization failure."""

    protocol, backend = 'postgres', 'postgres'
    match, request = 'UPDATE aimed*', 'UPDATE aimed SET value = $1'
    error = {'sqlstate': '40001'}
    failure, tells = psycopg.errors.SerializationFailure, 'injected by vaurien'

    def open(self, proxy: Proxy, stack: ExitStack) -> None:
        self.client = stack.enter_context(enter(proxy))
        self.client.execute('DROP TABLE IF EXISTS aimed')
        self.client.execute("CREATE TABLE aimed AS SELECT 'none' AS value")

    def write(self, value: str) -> None:
        def transact() -> None:
            with self.client.transaction():
                self.client.execute('UPDATE aimed SET value = %s', (value,))

        persist(transact, self.tries, is_serialization_failure)

    def read(self) -> str:
        return str(one(self.client, 'SELECT value FROM aimed'))


class PostgresPrepared(Postgres):
    """psycopg, in such a loop, with a statement that the server has prepared, and without a transaction."""

    def write(self, value: str) -> None:
        def update() -> None:
            self.client.execute('UPDATE aimed SET value = %s', (value,), prepare=True)

        persist(update, self.tries, is_serialization_failure)


class SMTP(Application):
    """`smtplib`, in a loop that sends mail to Ada again after a reply of 4xx. Reading it takes mail to Bob."""

    protocol, backend = 'smtp', 'mailbox'
    match, request = 'RCPT TO:<ada@*', f'RCPT TO:<{ADA}>'
    error = {'code': 451}
    failure, tells = smtplib.SMTPRecipientsRefused, r'451.*4\.3\.0 injected by vaurien'

    def open(self, proxy: Proxy, stack: ExitStack) -> None:
        self.client = stack.enter_context(mail_client(proxy.address.port))

    def write(self, value: str) -> None:
        persist(lambda: self.send(ADA, value), self.tries, is_temporary)

    def read(self) -> str:
        self.send(BOB, 'what is new?')
        assert self.server.messages[-1].recipients == [BOB]
        contents = [message.content.decode() for message in self.server.messages if message.recipients == [ADA]]
        return str(contents[-1].strip())

    def send(self, recipient: str, value: str) -> None:
        """Send one message."""
        assert self.client.sendmail(SENDER, [recipient], value) == {}


#: What the fixture ``run`` gives.
Run = Callable[..., tuple[Proxy, Application]]

APPLICATIONS: list[type[Application]] = [
    HTTP,
    Redis,
    RedisCluster,
    MemcacheText,
    MemcacheBinary,
    MySQL,
    MySQLPrepared,
    Postgres,
    PostgresPrepared,
    SMTP,
]
every_application = pytest.mark.parametrize('kind', APPLICATIONS)


@pytest.fixture(scope='module')
def mailbox() -> Iterator[Mailbox]:
    """Run an aiosmtpd."""
    with mail_server() as mailbox:
        yield mailbox


@pytest.fixture
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    """Start an application, with a proxy of its own before its server; both end with the test."""
    with ExitStack() as stack:

        def start(kind: type[Application], tries: int = TRIES) -> tuple[Proxy, Application]:
            server = request.getfixturevalue(kind.backend)
            proxy = stack.enter_context(Proxy(server.address, kind.protocol, seed=1))
            application = kind(proxy, server, tries, stack)
            application.write('old')
            return proxy, application

        yield start


@every_application
class TestEveryDriver:
    """Tests every driver with the error of its protocol that means: try again."""

    def test_gets_through_after_two_errors(self, run: Run, kind: type[Application]) -> None:
        proxy, application = run(kind)
        with proxy.with_behavior('error', match=kind.match, nth='1-2', **kind.error):
            application.write('new')
            assert application.read() == 'new'
            assert requests_hit(proxy) == [kind.request] * 2
            assert counted(proxy) == [(3, 2)]
            application.write('newer')
            assert requests_hit(proxy) == [kind.request] * 2
        assert application.read() == 'newer'

    def test_gives_up_while_all_fail(self, run: Run, kind: type[Application]) -> None:
        proxy, application = run(kind)
        with proxy.with_behavior('error', match=kind.match, nth='1+', **kind.error):
            with pytest.raises(kind.failure, match=kind.tells):
                application.write('new')
            assert requests_hit(proxy) == [kind.request] * TRIES
            assert counted(proxy) == [(TRIES, TRIES)]
            assert application.read() == kind.remains
        application.write('new')
        assert application.read() == 'new'

    def test_has_the_rest_served_on_the_same_connection(self, run: Run, kind: type[Application]) -> None:
        proxy, application = run(kind, tries=1)
        with proxy.with_behavior('error', match=kind.match, nth='1+', **kind.error):
            for remains in ('old', kind.remains, kind.remains):
                assert application.read() == remains
                connection = links(proxy)
                with pytest.raises(kind.failure, match=kind.tells):
                    application.write('new')
                assert (proxy.faults()[-1].link, links(proxy)) == (connection, connection)
            assert application.read() == kind.remains
            assert links(proxy) == (1 if kind.keeps else 4)
            assert requests_hit(proxy) == [kind.request] * 3


class TestHTTP:
    """Tests the rules by which urllib3 tries again."""

    @pytest.mark.parametrize(('method', 'attempts'), [('PUT', 3), ('POST', 1)])
    def test_just_some_methods_are_tried_again(self, nginx: Server, method: str, attempts: int) -> None:
        """By default, urllib3 does not repeat a POST."""
        with ExitStack() as stack:
            proxy = stack.enter_context(Proxy(nginx.address, 'http'))
            session = retrying_session(stack, proxy.address.port, Retry(TRIES - 1, status_forcelist=[503]))
            proxy.set_behavior('error', match='*/methods/*', nth='1-2', code=503, retry_after=0)
            path = f'/upload/methods/{method}'
            assert session.request(method, path, data='x').ok == (attempts > 1)
            assert requests_hit(proxy) == [f'{method} {path}'] * min(attempts, 2)
            assert counted(proxy) == [(attempts, min(attempts, 2))]

    @pytest.mark.parametrize(('seconds', 'attempts'), [(None, 1), (0, 3), (7, 3)])
    def test_retry_after_asks_for_it(self, nginx: Server, seconds: int | None, attempts: int) -> None:
        """Retry-After is the only reason to try again after this 503."""
        waits: list[float | None] = []

        class Hurried(Retry):
            def sleep_for_retry(self, response: Any) -> bool:
                waits.append(self.get_retry_after(response))
                return True

        with ExitStack() as stack:
            proxy = stack.enter_context(Proxy(nginx.address, 'http'))
            session = retrying_session(stack, proxy.address.port, Hurried(TRIES - 1))
            proxy.set_behavior('error', match='GET /ok*', nth='1-2', code=503, retry_after=seconds)
            assert session.get('/ok?please').status_code == (200 if attempts > 1 else 503)
            assert waits == [seconds] * (attempts - 1)
            assert counted(proxy) == [(attempts, min(attempts, 2))]
            assert links(proxy) == 1


class TestTransactions:
    """Tests that a rollback undoes what a failed transaction has done."""

    @pytest.mark.parametrize('match', ['UPDATE stock*', 'COMMIT'])
    def test_mysql(self, mariadb: Server, match: str) -> None:
        with Proxy(mariadb.address, 'mysql') as proxy, mysql_client(proxy) as client:
            ask(client, 'CREATE OR REPLACE TABLE orders (number int)')
            ask(client, 'CREATE OR REPLACE TABLE stock AS SELECT 10 AS items')

            def buy() -> None:
                ask(client, 'INSERT INTO orders VALUES (7)')
                ask(client, 'UPDATE stock SET items = items - 1')
                client.commit()

            with proxy.with_behavior('error', match=match, nth='1-2', errno=ER.LOCK_DEADLOCK):
                persist(buy, TRIES, is_deadlock, client.rollback)
                assert counted(proxy) == [(3, 2)]
            assert ask(client, 'SELECT items, (SELECT COUNT(*) FROM orders) FROM stock') == ((9, 1),)
            assert links(proxy) == 1

    @pytest.mark.parametrize('match', ['UPDATE stock*', 'COMMIT'])
    def test_postgres(self, postgres: Server, match: str) -> None:
        with Proxy(postgres.address, 'postgres') as proxy, enter(proxy, autocommit=False) as connection:
            connection.execute('CREATE TEMPORARY TABLE orders (number int)')
            connection.execute('CREATE TEMPORARY TABLE stock AS SELECT 10 AS items')
            connection.commit()

            def buy() -> None:
                connection.execute('INSERT INTO orders VALUES (7)')
                connection.execute('UPDATE stock SET items = items - 1')
                connection.commit()

            with proxy.with_behavior('error', match=match, nth='1-2', sqlstate='40001'):
                persist(buy, TRIES, is_serialization_failure, connection.rollback)
                assert counted(proxy) == [(3, 2)]
            assert one(connection, 'SELECT items FROM stock') == 9
            assert one(connection, 'SELECT COUNT(*) FROM orders') == 1
            assert links(proxy) == 1


class TestPrepared:
    """Tests that a pattern finds a statement by its text, also where only its name is sent."""

    @pytest.mark.parametrize(('threshold', 'executions'), [(0, 1), (5, 6)])
    def test_postgres(self, postgres: Server, threshold: int, executions: int) -> None:
        """psycopg prepares what it has executed *threshold* times: here, before anything is armed."""
        with Proxy(postgres.address, 'postgres') as proxy, enter(proxy, prepare_threshold=threshold) as connection:
            for number in range(executions):
                assert one(connection, 'SELECT %s + 1', number) == number + 1
            with proxy.with_behavior('error', match='SELECT $1 + 1', nth='1-2', sqlstate='40001'):
                for number in range(4):
                    with pytest.raises(SerializationFailure) if number < 2 else nullcontext():
                        assert one(connection, 'SELECT %s + 1', number) == number + 1
                assert requests_hit(proxy) == ['SELECT $1 + 1'] * 2
                assert counted(proxy) == [(4, 2)]
            statements = connection.execute('SELECT statement FROM pg_prepared_statements').fetchall()
            assert ('SELECT $1 + 1',) in statements

    def test_postgres_in_a_pipeline(self, postgres: Server) -> None:
        """Everything is sent before the first reply, and both executions have the same bytes."""
        with Proxy(postgres.address, 'postgres') as proxy, enter(proxy) as connection:
            proxy.set_behavior('error', match='SELECT 2', nth='every 2', sqlstate='40001')
            client = connection.pgconn
            client.nonblocking = 1
            client.enter_pipeline_mode()
            for statement in (b'SELECT 1', b'SELECT 2', b'SELECT 1', b'SELECT 2'):
                client.send_prepare(b'', statement)
                client.pipeline_sync()
                client.send_query_prepared(b'', None)
                client.pipeline_sync()
            values, ends = [], 0
            while ends < 8:
                result = next_result(connection)
                if result is not None:
                    ends += result.status == ExecStatus.PIPELINE_SYNC
                    if result.status in (ExecStatus.TUPLES_OK, ExecStatus.FATAL_ERROR):
                        values.append(result.get_value(0, 0))
            assert values == [b'1', None, b'1', None]
            client.exit_pipeline_mode()
            assert requests_hit(proxy) == ['SELECT 2'] * 2
            assert counted(proxy) == [(4, 2)]


class TestSMTP:
    """Tests a recipient that is refused at first, and gets the message later."""

    def test_the_others_are_taken(self, mailbox: Mailbox) -> None:
        with Proxy(mailbox.address, 'smtp') as proxy, mail_client(proxy.address.port) as client:
            mailbox.messages.clear()
            proxy.set_behavior('error', match='RCPT TO:<ada@*', nth='1-2', code=451)
            assert client.sendmail(SENDER, [ADA, BOB], 'hello') == {ADA: (451, b'4.3.0 injected by vaurien')}
            with pytest.raises(smtplib.SMTPRecipientsRefused):  # as nobody is left who is taken
                client.sendmail(SENDER, [ADA], 'hello')
            assert client.sendmail(SENDER, [ADA], 'hello') == {}
            assert [message.recipients for message in mailbox.messages] == [[BOB], [ADA]]
            assert requests_hit(proxy) == [f'RCPT TO:<{ADA}>'] * 2
            assert links(proxy) == 1


class TestTCP:
    """Tests noise, with a client that connects again when it does not understand a reply."""

    def test_gets_through_after_two_errors(self, echo_server: RawBackend) -> None:
        with Proxy(echo_server.address, seed=1) as proxy:
            proxy.set_behavior('error', nth='1-2')
            persist(lambda: greet(proxy), TRIES, is_noise)
            assert requests_hit(proxy) == ['5 bytes'] * 2
            assert (links(proxy), counted(proxy)) == (3, [(3, 2)])

    def test_gives_up_while_all_fail(self, echo_server: RawBackend) -> None:
        with Proxy(echo_server.address, seed=1) as proxy:
            with proxy.with_behavior('error', nth='1+'), pytest.raises(ValueError, match='noise'):
                persist(lambda: greet(proxy), TRIES, is_noise)
            assert requests_hit(proxy) == ['5 bytes'] * 3
            greet(proxy)

    def test_has_the_rest_served_on_the_same_connection(self, echo_server: RawBackend) -> None:
        with Proxy(echo_server.address, seed=1) as proxy, connect(proxy) as client:
            proxy.set_behavior('error', nth='every 2')
            for _ in range(3):
                client.send(b'hello')
                assert client.recv_exactly(5) == b'hello'
                client.send(b'hello')
                assert len(client.recv_exactly(1000)) == 1000
            assert [fault.exchange for fault in proxy.faults()] == [2, 4, 6]
            assert (links(proxy), counted(proxy)) == (1, [(6, 3)])


def greet(proxy: Proxy) -> None:
    """Send hello on a new connection. Raise `ValueError` if something else comes back."""
    with connect(proxy) as client:
        client.send(b'hello')
        if client.recv_exactly(5) != b'hello':
            raise ValueError('noise')


def is_noise(error: Exception) -> bool:
    """Return whether the error is that of noise."""
    return isinstance(error, ValueError)


class TestArming:
    """Tests the ways to arm a rule."""

    def test_times_retires_it(self, redis_server: Server) -> None:
        with Proxy(redis_server.address, 'redis') as proxy, redis_client(proxy.address.port) as client:
            proxy.set_behavior('error', match='SET *', times=1, message='OOM')
            with pytest.raises(OutOfMemoryError):
                client.set('times', 1)
            assert client.set('times', 2)
            assert client.set('times', 3)
            assert requests_hit(proxy) == ['SET times']
            assert [hits for _, hits in counted(proxy)] == [1]

    def test_two_of_the_same_at_once(self, redis_server: Server) -> None:
        spec = "100:error(match='SET *', nth=1, message='OOM'),100:error(match='GET *', nth=2, message='LOADING')"
        with Proxy(redis_server.address, 'redis') as proxy, redis_client(proxy.address.port) as client:
            with proxy.with_behavior(spec):
                assert client.get('both') is None
                with pytest.raises(OutOfMemoryError):
                    client.set('both', 1)
                with pytest.raises(BusyLoadingError):
                    client.get('both')
                assert client.set('both', 2)
                assert client.get('both') == b'2'
                assert requests_hit(proxy) == ['SET both', 'GET both']
                behaviors = proxy.status()['behaviors']
            told = [(armed['name'], armed['percent'], armed['matched'], armed['hits']) for armed in behaviors]
            assert told == [('error', 100.0, 2, 1), ('error', 100.0, 3, 1)]
            chosen = [[armed['options'][name] for name in ('match', 'nth', 'message')] for armed in behaviors]
            assert chosen == [['SET *', '1', 'OOM'], ['GET *', '2', 'LOADING']]
            assert proxy.status()['behavior'] == 'dummy'

    def test_by_flags(self, vaurien_command: StartCommand, nginx: Server) -> None:
        flags = ['--behavior', '100:error', '--behavior-error-match', 'POST /orders*', '--behavior-error-nth', '1-2']
        flags += ['--behavior-error-code', '503', '--behavior-error-retry-after', '0']
        command = vaurien_command('--backend', nginx.address, '--protocol', 'http', *flags)
        with ExitStack() as stack:
            retry = Retry(TRIES - 1, status_forcelist=[503], allowed_methods=['POST'])
            session = retrying_session(stack, command.port, retry)
            assert session.get('/ok').text == 'ok\n'
            taken = session.post('/orders/7', data='x')
        # It has no orders, but it was asked.
        assert (taken.status_code, taken.headers['Server'].partition('/')[0]) == (404, 'nginx')
        code, out, log = command.stop()
        assert code == 0
        told = [line.split(' ', 2)[2] for line in log.splitlines()]
        assert told == [f'INFO link 1 exchange {number}: error on POST /orders/7' for number in (2, 3)]
        assert 'links: 1, exchanges: 4' in out
        assert ': matched 3 of 4 exchanges, applied to 2\n' in out
        assert 'faults: 2 error' in out

    def test_by_the_client(self, vaurien_command: StartCommand, nginx: Server) -> None:
        flags = ['--behavior', '100:error', '--behavior-error-match', 'DELETE *', '--behavior-error-code', '507']
        command = vaurien_command('--http', '--backend', nginx.address, '--protocol', 'http', *flags)
        client = Client(port=command.control_port)
        before = client.status()['behaviors']

        with http_session(command.port) as session:

            def statuses() -> list[int]:
                asked = [('GET', '/slow/7'), ('GET', '/ok'), ('DELETE', '/ok')]
                return [session.request(method, path).status_code for method, path in asked]

            assert statuses() == [404, 200, 507]
            client.clear_faults()
            with client.with_behavior('error', match='GET /slow*'):
                assert statuses() == [507, 200, 200]
                assert [fault.request for fault in client.faults()] == ['GET /slow/7']
                assert counted(client) == [(1, 1)]
            # Also how much it has counted: it begins anew.
            assert client.status()['behaviors'] == [{**armed, 'seen': 0, 'matched': 0, 'hits': 0} for armed in before]
            assert statuses() == [404, 200, 507]
            assert client.status()['links'] == {'open': 1, 'total': 1}
