"""Clients of MySQL, each with the same few functions, and what they see."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import mysql.connector
import pymysql
from pymysql.constants import CLIENT

from tests.servers import HOST, TIMEOUT

#: What is given to both drivers, unless a test says otherwise.
USUAL: dict[str, Any] = {'host': HOST, 'user': 'tester', 'password': 'secret', 'database': 'test'}
#: In the place of the error: the connection is gone. Which of several numbers that has depends on who is faster.
LOST = 'lost'
#: The status flags that say whether there is a transaction, and whether each statement is one.
STATUS = 0x0003


class Failure(NamedTuple):
    """What a client knows of an error."""

    kind: str
    errno: int
    sqlstate: str | None
    message: str


#: Rows, why there are none, or `LOST`.
Told = list[Any] | Failure | str


class Answer(NamedTuple):
    """What a client was told, and of the transaction then."""

    told: Told
    status: int | bool | None


class Client:
    """A connection that commits nothing by itself."""

    name: str
    #: How the package calls its errors, and the numbers of those that mean a lost connection.
    errors: type[Exception]
    lost: Container[int]

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    @classmethod
    def try_to(cls, act: Callable[[], object]) -> Told:
        """Return what *act* returns, or why it failed."""
        try:
            told: Any = act()
        except cls.errors as error:
            failure = cls.read(error)
            return LOST if failure.errno in cls.lost else failure
        return told if isinstance(told, list) else []

    def run(self, statement: str, *arguments: Any) -> Answer:
        """Execute a statement; return its rows, or why it failed. With *arguments*, it is a prepared one."""
        return self.ask(lambda: self.execute(statement, *arguments))

    def ask(self, act: Callable[[], object]) -> Answer:
        """Return what *act* returns, or why it failed, and the status after it."""
        told = self.try_to(act)
        return Answer(told, None if told == LOST else self.status)

    @classmethod
    def read(cls, error: Any) -> Failure:
        """Return what an exception has in it."""
        raise NotImplementedError

    @property
    def status(self) -> int | bool:
        """What is known of the transaction."""
        raise NotImplementedError

    def execute(self, statement: str, *arguments: Any) -> list[Any]:
        """Execute a statement; return its rows."""
        raise NotImplementedError

    def choose_database(self, name: str) -> Answer:
        """Send COM_INIT_DB."""
        raise NotImplementedError


class PyMySQL(Client):
    """A connection of ``pymysql``."""

    name = 'pymysql'
    errors = pymysql.MySQLError
    lost = (0, 2006, 2013)

    @classmethod
    @contextmanager
    def connect(cls, port: int, **given: Any) -> Iterator[PyMySQL]:
        flags = {'client_flag': CLIENT.MULTI_STATEMENTS, 'local_infile': True}
        connection = pymysql.connect(port=port, read_timeout=TIMEOUT, **{**USUAL, **flags, **given})
        try:
            yield cls(connection)
        finally:
            if connection.open:
                connection.close()

    @classmethod
    def read(cls, error: Any) -> Failure:
        return Failure(type(error).__name__, error.args[0], getattr(error, 'sqlstate', None), error.args[1])

    @property
    def status(self) -> int:
        status: int = self.connection.server_status
        return status & STATUS

    def execute(self, statement: str, *arguments: Any) -> list[Any]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def choose_database(self, name: str) -> Answer:
        return self.ask(lambda: self.connection.select_db(name))


class Connector(Client):
    """A connection of ``mysql-connector-python``: the implementation in Python, which is always there."""

    name = 'mysql-connector-python'
    errors = mysql.connector.Error
    lost = (-1, 2006, 2013, 2055)

    @classmethod
    @contextmanager
    def connect(cls, port: int, **given: Any) -> Iterator[Connector]:
        charset = {'charset': 'utf8mb4', 'collation': 'utf8mb4_general_ci'}  # its own is not known to MariaDB
        how = {'use_pure': True, 'ssl_disabled': True, 'allow_local_infile': True, 'connection_timeout': TIMEOUT}
        connection = mysql.connector.connect(port=port, **{**USUAL, **charset, **how, **given})
        try:
            yield cls(connection)
        finally:
            connection.close()

    @classmethod
    def read(cls, error: Any) -> Failure:
        return Failure(type(error).__name__, error.errno, error.sqlstate, str(error.msg))

    @property
    def status(self) -> bool:
        return bool(self.connection.in_transaction)

    def execute(self, statement: str, *arguments: Any) -> list[Any]:
        cursor = self.connection.cursor(prepared=bool(arguments))
        try:
            cursor.execute(statement, arguments)
            return list(cursor.fetchall()) if cursor.with_rows else []
        finally:
            cursor.close()

    def choose_database(self, name: str) -> Answer:
        return self.ask(lambda: self.connection.cmd_init_db(name))


CLIENTS: list[Any] = [PyMySQL, Connector]
