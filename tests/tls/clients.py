"""Real clients of each framed protocol, which speak TLS with a proxy before a real server that does not."""

from __future__ import annotations

import smtplib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import psycopg
import pymysql
import redis
import requests
from pymemcache.client.base import Client as MemcacheClient  # type: ignore[import-untyped]
from pymemcache.exceptions import MemcacheServerError, MemcacheUnexpectedCloseError  # type: ignore[import-untyped]
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.servers import HOST, TIMEOUT
from vaurien import Proxy

#: What caches are asked for.
KEY = 'inside-tls'


class TLSClient(ABC):
    """One connection, and one request that is always the same."""

    protocol: ClassVar[str]
    #: The fixture that is the server.
    server: ClassVar[str]
    #: The text of the request.
    text: ClassVar[str]
    #: What is raised for an error of the protocol, and for a connection that is gone.
    refused: ClassVar[type[Exception]]
    lost: ClassVar[type[Exception] | tuple[type[Exception], ...]]

    def __init__(self, proxy: Proxy, authority: Path) -> None:
        """Connect, or be ready to; *authority* is a file with that of the proxy."""
        self.connection: Any = self.connect(proxy, authority)

    @abstractmethod
    def connect(self, proxy: Proxy, authority: Path) -> Any:
        """Return the connection."""

    @abstractmethod
    def ask(self) -> object:
        """Make the request."""

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


class HTTP(TLSClient):
    """The library ``requests``."""

    protocol, server, text = 'http', 'nginx', 'GET /ok'
    refused, lost = requests.HTTPError, requests.ConnectionError

    def connect(self, proxy: Proxy, authority: Path) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.verify = str(authority)
        self._url = f'https://localhost:{proxy.address.port}/ok'
        return session

    def ask(self) -> object:
        response = self.connection.get(self._url, timeout=TIMEOUT)
        response.raise_for_status()
        return response.text


class Redis(TLSClient):
    """The driver ``redis``."""

    protocol, server, text = 'redis', 'redis_server', f'GET {KEY}'
    refused, lost = redis.ResponseError, redis.ConnectionError

    def connect(self, proxy: Proxy, authority: Path) -> redis.Redis:
        return redis.Redis(
            'localhost',
            proxy.address.port,
            ssl=True,
            ssl_ca_certs=str(authority),
            retry=Retry(NoBackoff(), 0),
            socket_timeout=TIMEOUT,
        )

    def ask(self) -> object:
        return self.connection.get(KEY)


class Memcache(TLSClient):
    """The driver ``pymemcache``."""

    protocol, server, text = 'memcache', 'memcached', f'get {KEY}'
    refused, lost = MemcacheServerError, (OSError, MemcacheUnexpectedCloseError)

    def connect(self, proxy: Proxy, authority: Path) -> MemcacheClient:
        return MemcacheClient(('localhost', proxy.address.port), tls_context=proxy.ssl_context(), timeout=TIMEOUT)

    def ask(self) -> object:
        return self.connection.get(KEY)


class MySQL(TLSClient):
    """The driver ``pymysql``."""

    protocol, server, text = 'mysql', 'mariadb', 'SELECT 1'
    refused, lost = pymysql.OperationalError, pymysql.OperationalError

    def connect(self, proxy: Proxy, authority: Path) -> Any:
        return pymysql.connect(
            host=HOST,
            port=proxy.address.port,
            user='tester',
            password='secret',
            ssl_ca=str(authority),
            ssl_verify_identity=True,
            read_timeout=TIMEOUT,
        )

    def ask(self) -> object:
        with self.connection.cursor() as cursor:
            cursor.execute('SELECT 1')
            return cursor.fetchall()

    def close(self) -> None:
        if self.connection.open:
            super().close()


class Postgres(TLSClient):
    """The driver ``psycopg``."""

    protocol, server, text = 'postgres', 'postgres', 'SELECT 1'
    refused, lost = psycopg.OperationalError, psycopg.OperationalError

    def connect(self, proxy: Proxy, authority: Path) -> Any:
        address = f'postgres://tester:secret@localhost:{proxy.address.port}/postgres'
        return psycopg.connect(address, sslmode='verify-full', sslrootcert=str(authority), autocommit=True)

    def ask(self) -> object:
        return self.connection.execute('SELECT 1').fetchall()


class SMTP(TLSClient):
    """The standard library's client."""

    protocol, server, text = 'smtp', 'mailbox', 'NOOP'
    refused, lost = smtplib.SMTPResponseException, smtplib.SMTPServerDisconnected

    def connect(self, proxy: Proxy, authority: Path) -> smtplib.SMTP:
        client = smtplib.SMTP('localhost', proxy.address.port, timeout=TIMEOUT)
        client.starttls(context=proxy.ssl_context())
        return client

    def ask(self) -> object:
        answer = self.connection.noop()
        if answer[0] >= 400:
            raise smtplib.SMTPResponseException(*answer)
        return answer


CLIENTS: list[type[TLSClient]] = [HTTP, Redis, Memcache, MySQL, Postgres, SMTP]
