"""Clients of real drivers: how to connect, and how to make one exchange whose result is known.

`Talk` is a client that has connected. Calling it with some bytes makes an exchange and returns what came back: these
bytes, if all is well. It raises one of the errors of its driver if there was a fault.
"""

from __future__ import annotations

import base64
import http.client
import smtplib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import psycopg
import pymysql
import redis
from pymemcache.client.base import Client as MemcacheClient  # type: ignore[import-untyped]
from pymemcache.exceptions import MemcacheError  # type: ignore[import-untyped]
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.behaviors.mail import CLIENT_NAME, Mailbox
from tests.servers import HOST

#: Seconds that a client waits for a reply: longer than any fault holds one back, but `hang` and `timeout`.
TIMEOUT = 5.0
#: A number for each key, path and mailbox: what a proxy has held back may arrive after the client has connected anew.
NUMBERS = count(1)

Talk = Callable[[bytes], bytes]


class ErrorStatusError(Exception):
    """An HTTP response with another status than 2xx. The connection may go on."""


#: What a driver raises when a fault has struck.
FAILURES = (
    OSError,
    http.client.HTTPException,
    smtplib.SMTPException,
    redis.RedisError,
    pymysql.MySQLError,
    psycopg.Error,
    MemcacheError,
    ErrorStatusError,
)
#: Those of them after which the client goes on with its connection, as applications do, if the driver has kept it.
ANSWERS = (redis.ResponseError, pymysql.MySQLError, psycopg.Error, MemcacheError, ErrorStatusError)


@contextmanager
def http_client(port: int) -> Iterator[Talk]:
    """Store a file, read it back and delete it, over one connection."""
    with closing(http.client.HTTPConnection(HOST, port, TIMEOUT)) as client:
        client.connect()
        client.auto_open = 0  # an exchange must not hide that the connection was lost
        path = f'/upload/{next(NUMBERS)}'

        def request(method: str, body: bytes | None = None) -> bytes:
            client.request(method, path, body)
            response = client.getresponse()
            content = response.read()
            if response.will_close:  # http.client takes a head that ends too early for one without a length
                raise http.client.IncompleteRead(content)
            if response.status // 100 != 2:
                raise ErrorStatusError(response.status)
            return content

        def talk(data: bytes) -> bytes:
            request('PUT', data)
            content = request('GET')
            request('DELETE')
            return content

        yield talk


@contextmanager
def redis_client(port: int) -> Iterator[Talk]:
    """Set a key, get it and delete it, in one pipeline."""
    retry = Retry(NoBackoff(), 0)
    with redis.Redis(HOST, port, retry=retry, socket_timeout=TIMEOUT, single_connection_client=True) as client:

        def talk(data: bytes) -> bytes:
            key = f'soak:{next(NUMBERS)}'
            pipeline = client.pipeline(transaction=False).set(key, data, ex=60).get(key).delete(key)
            return bytes(pipeline.execute()[1])

        yield talk


@contextmanager
def mysql_client(port: int) -> Iterator[Talk]:
    """Have a value sent back by a statement."""
    client = pymysql.connect(
        host=HOST,
        port=port,
        user='tester',
        password='secret',
        connect_timeout=TIMEOUT,
        read_timeout=TIMEOUT,
        write_timeout=TIMEOUT,
    )
    with closing(client), client.cursor() as cursor:

        def talk(data: bytes) -> bytes:
            cursor.execute('SELECT UNHEX(%s)', (data.hex(),))
            row = cursor.fetchone()
            assert row is not None
            return bytes(row[0])

        yield talk


@contextmanager
def postgres_client(port: int) -> Iterator[Talk]:
    """Have a value sent back by a statement."""
    address = f'host={HOST} port={port} user=tester password=secret dbname=postgres sslmode=disable connect_timeout=5'
    with psycopg.connect(address, autocommit=True, cursor_factory=psycopg.ClientCursor) as client:

        def talk(data: bytes) -> bytes:
            row = client.execute('SELECT %b', (data,)).fetchone()
            assert row is not None
            return bytes(row[0])

        yield talk


@contextmanager
def memcache_client(port: int) -> Iterator[Talk]:
    """Set a key, get it and delete it."""
    client = MemcacheClient((HOST, port), connect_timeout=TIMEOUT, timeout=TIMEOUT, default_noreply=False)
    with closing(client):
        client.version()

        def talk(data: bytes) -> bytes:
            key = f'soak:{next(NUMBERS)}'
            client.set(key, data, expire=60)
            value = client.get(key)
            client.delete(key)
            return bytes(value or b'')

        yield talk


@dataclass
class LastMessages(Mailbox):
    """A mail server that keeps the last message of each recipient."""

    last: dict[str, bytes] = field(default_factory=dict)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd calls it so
        """Keep a message."""
        self.last[envelope.rcpt_tos[0]] = bytes(envelope.content)
        return '250 2.0.0 Kept'


def smtp_client(mailbox: LastMessages) -> Callable[[int], AbstractContextManager[Talk]]:
    """Return a client that sends a message to a recipient of its own, and looks what the server has kept."""

    @contextmanager
    def connect(port: int) -> Iterator[Talk]:
        client = smtplib.SMTP(HOST, port, CLIENT_NAME, TIMEOUT)
        try:
            recipient = f'{next(NUMBERS)}@example.com'

            def talk(data: bytes) -> bytes:
                client.sendmail('soak@example.com', [recipient], base64.encodebytes(data).replace(b'\n', b'\r\n'))
                return base64.decodebytes(mailbox.last.pop(recipient, b''))

            yield talk
        finally:
            client.close()

    return connect
