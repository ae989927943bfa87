"""Each fault that exploring tries, on a write to a real backend, as a real driver sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Any, NamedTuple

import asyncpg
import pymysql
import pytest
from pymemcache.client.base import Client  # type: ignore[import-untyped]

from tests.behaviors.clients import http_session, redis_client
from tests.behaviors.mail import Mailbox, mail_client, mail_server
from tests.behaviors.waiting import eventually
from tests.servers import HOST, TIMEOUT, Server
from vaurien import Proxy
from vaurien.engine.chooser import Choice
from vaurien.framing.meaning import Effect, ReplyClass
from vaurien.framing.trials import Kind, Trial
from vaurien.protocols import Protocol
from vaurien.records.entry import Entry
from vaurien.records.observer import ObservedLink, Observer
from vaurien.rules.behaviors import make_rules
from vaurien.rules.rule import Rule

#: Seconds that a driver waits for a reply that never comes; and how late one is.
PATIENCE = 0.5
LATE = 0.1

#: What a driver writes, on a connection that is open.
Write = Callable[[], object]


class Trying(Observer):
    """Keeps the entries of one request, and chooses a rule for it while there is one."""

    def __init__(self, request: str) -> None:
        self._request = request
        self.rule: Rule | None = None
        self.entries: list[Entry] = []

    def on_exchange(self, entry: Entry) -> None:
        if entry.request == self._request:
            self.entries.append(entry)

    def choose(self, link: ObservedLink, exchange: int, text: str, nth: int, request: bytes) -> Choice | None:
        return Choice(self.rule) if text == self._request else None


@contextmanager
def posting(port: int, timeout: float) -> Iterator[Write]:
    with http_session(port) as session:
        yield lambda: session.post('/ok', timeout=timeout).raise_for_status()


@contextmanager
def setting(port: int, timeout: float) -> Iterator[Write]:
    with redis_client(port, socket_timeout=timeout) as client:
        yield lambda: client.set('tried', 1)


@contextmanager
def storing(port: int, timeout: float) -> Iterator[Write]:
    with closing(Client((HOST, port), timeout=timeout)) as client:
        yield lambda: client.set('tried', 1, noreply=False)


@contextmanager
def inserting(port: int, timeout: float) -> Iterator[Write]:
    account: dict[str, Any] = {'host': HOST, 'user': 'tester', 'password': 'secret', 'database': 'test'}
    with (
        pymysql.connect(**account, port=port, read_timeout=timeout, autocommit=True) as client,
        client.cursor() as cursor,
    ):
        cursor.execute('CREATE TEMPORARY TABLE tried (n int)')
        yield lambda: cursor.execute('INSERT INTO tried VALUES (1)')


@contextmanager
def inserting_too(port: int, timeout: float) -> Iterator[Write]:
    account: dict[str, Any] = {'host': HOST, 'user': 'tester', 'password': 'secret', 'database': 'postgres'}
    loop = asyncio.new_event_loop()
    client: Any = loop.run_until_complete(asyncpg.connect(**account, port=port, ssl=False))
    loop.run_until_complete(client.execute('CREATE TEMPORARY TABLE tried (n int)'))
    try:
        yield lambda: loop.run_until_complete(client.execute('INSERT INTO tried VALUES (1)', timeout=timeout))
    finally:
        client.terminate()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


@contextmanager
def mailing(port: int, timeout: float) -> Iterator[Write]:
    with mail_client(port, timeout=timeout) as client:
        yield lambda: client.sendmail('a@example.com', ['b@example.com'], b'Subject: x\r\n\r\n')


class Subject(NamedTuple):
    """How a protocol is tried."""

    #: The fixture of the backend; the text of the request that writes; and how it is made.
    backend: str
    request: str
    writing: Callable[[int, float], AbstractContextManager[Write]]
    #: What the driver raises, by the kind of the trial; where it is said no, by the detail. Nothing where it is late.
    raises: Mapping[str, str]


SUBJECTS = {
    'http': Subject(
        'nginx',
        'POST /ok',
        posting,
        {
            'refused': 'requests.exceptions.ConnectionError',
            'lost': 'requests.exceptions.ConnectionError',
            'silent': 'requests.exceptions.ReadTimeout',
            'half': 'requests.exceptions.ChunkedEncodingError',
            '503': 'requests.exceptions.HTTPError: 503',
            '500': 'requests.exceptions.HTTPError: 500',
        },
    ),
    'redis': Subject(
        'redis_server',
        'SET tried',
        setting,
        {
            'refused': 'redis.exceptions.ConnectionError',
            'lost': 'redis.exceptions.ConnectionError',
            'silent': 'redis.exceptions.TimeoutError',
            'half': 'redis.exceptions.ConnectionError',
            'LOADING': 'redis.exceptions.BusyLoadingError',
            'OOM': 'redis.exceptions.OutOfMemoryError',
        },
    ),
    'memcache': Subject(
        'memcached',
        'set tried',
        storing,
        {
            'refused': 'pymemcache.exceptions.MemcacheUnexpectedCloseError',
            'lost': 'pymemcache.exceptions.MemcacheUnexpectedCloseError',
            'silent': 'TimeoutError',
            'half': 'pymemcache.exceptions.MemcacheUnexpectedCloseError',
            'memory': "pymemcache.exceptions.MemcacheServerError: b'out of memory'",
            'too large': "pymemcache.exceptions.MemcacheServerError: b'object too large for cache'",
        },
    ),
    'mysql': Subject(
        'mariadb',
        'INSERT INTO tried VALUES (1)',
        inserting,
        {
            'refused': 'pymysql.err.OperationalError: (2013',
            'lost': 'pymysql.err.OperationalError: (2013',
            'silent': 'pymysql.err.OperationalError: (2013',
            'half': 'pymysql.err.OperationalError: (2013',
            '1213': 'pymysql.err.OperationalError: (1213',
            '1062': 'pymysql.err.IntegrityError: (1062',
        },
    ),
    'postgres': Subject(
        'postgres',
        'INSERT INTO tried VALUES (1)',
        inserting_too,
        {
            'refused': 'asyncpg.exceptions.ConnectionDoesNotExistError',
            'lost': 'asyncpg.exceptions.ConnectionDoesNotExistError',
            'silent': 'TimeoutError',
            'half': 'asyncpg.exceptions.ConnectionDoesNotExistError',
            '40001': 'asyncpg.exceptions.SerializationError',
            '23505': 'asyncpg.exceptions.UniqueViolationError',
        },
    ),
    'smtp': Subject(
        'mailbox',
        'DATA',
        mailing,
        {
            'refused': 'smtplib.SMTPServerDisconnected',
            'lost': 'smtplib.SMTPServerDisconnected',
            'silent': 'smtplib.SMTPServerDisconnected',
            'half': 'smtplib.SMTPDataError: (25',
            '451': 'smtplib.SMTPDataError: (451',
            '550': 'smtplib.SMTPDataError: (550',
        },
    ),
}
TRIALS = [(name, trial) for name in SUBJECTS for trial in Protocol.get(name).trials]
#: The faults under which the backend gets the request.
EXECUTING = {Kind.LOST, Kind.LATE, Kind.HALF}


def raised(ask: Callable[[], object]) -> str:
    """Return the full name of what *ask* raises, and its text."""
    try:
        ask()
    except Exception as error:  # whatever it is: that is the question
        return f'{type(error).__module__}.{type(error).__qualname__}: {error}'.removeprefix('builtins.')
    return 'nothing'


@pytest.fixture(scope='module')
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as mailbox:
        yield mailbox


@pytest.mark.parametrize(
    ('name', 'trial'), TRIALS, ids=[f'{name}-{trial.detail or trial.kind.value}' for name, trial in TRIALS]
)
def test_a_trial(request: pytest.FixtureRequest, name: str, trial: Trial) -> None:
    subject = SUBJECTS[name]
    backend: Server | Mailbox = request.getfixturevalue(subject.backend)
    trying = Trying(subject.request)
    with Proxy(backend.address, name, observer=trying, chooser=trying) as proxy:
        with subject.writing(proxy.address.port, PATIENCE if trial.kind is Kind.SILENT else TIMEOUT) as write:
            assert raised(write) == 'nothing'
            eventually(lambda: trying.entries)
            clean = trying.entries[0]
            assert clean.effect is Effect.WRITE
            (trying.rule,) = make_rules(trial.behavior.format(seconds=LATE, bytes=clean.middle))
            assert raised(write).startswith(subject.raises.get(trial.detail or trial.kind.value, 'nothing'))
        eventually(lambda: len(trying.entries) > 1)
    faulty = trying.entries[1]
    assert faulty.behavior == trying.rule.name
    assert faulty.executed == (trial.kind in EXECUTING)
    assert faulty.reply == {Kind.LATE: ReplyClass.OK, Kind.NO: ReplyClass.ERROR}.get(trial.kind)


@pytest.mark.parametrize('name', SUBJECTS)
def test_each_trial_has_its_expectation(name: str) -> None:
    expected = {*SUBJECTS[name].raises, Kind.LATE.value}
    assert {trial.detail or trial.kind.value for trial in Protocol.get(name).trials} == expected
