"""What requests of MySQL do, and what the replies of a real MariaDB say of it, to two drivers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import mysql.connector
import pymysql
import pytest
from pymysql.constants import CLIENT

from tests.protocols.relay import CONNECT, ONCE, READ, WRITE, Relay, relaying
from tests.servers import HOST, Server
from vaurien.framing.meaning import SHOWN_OF_REPLY, Effect, Meaning, ReplyClass, ReplyMeaning, TransactionState
from vaurien.protocols.mysql import MySQL

NONE, OPEN = TransactionState.NONE, TransactionState.OPEN
ACCOUNT: dict[str, Any] = {'host': HOST, 'user': 'tester', 'password': 'secret', 'database': 'test'}
OK = ReplyMeaning(ReplyClass.OK, NONE)
TABLE = 'CREATE TEMPORARY TABLE stock (id int PRIMARY KEY, n int)'
ROWS = 'INSERT INTO stock VALUES (1, 10), (2, 20)'


@pytest.fixture(scope='module')
def relay(mariadb: Server) -> Iterator[Relay]:
    with relaying(mariadb, MySQL) as relay:
        yield relay


@pytest.fixture
def cursor(relay: Relay) -> Iterator[Any]:
    with (
        pymysql.connect(**ACCOUNT, port=relay.port, client_flag=CLIENT.MULTI_STATEMENTS, autocommit=True) as client,
        client.cursor() as cursor,
    ):
        cursor.execute(TABLE)
        cursor.execute(ROWS)
        relay.forget()
        yield cursor


def test_to_connect_is_no_more_than_that(relay: Relay, cursor: Any) -> None:
    cursor.connection.ping()
    cursor.execute('SELECT 1')
    with closing(mysql.connector.connect(**ACCOUNT, port=relay.port, ssl_disabled=True)) as connection:
        connection.ping()
    said = relay.take_all()
    assert {one.text for one in said} >= {'greeting', 'login tester@test', 'PING', 'SELECT 1'}
    assert {one.meaning for one in said} == {CONNECT}
    assert {one.reply_meaning for one in said} <= {OK, ReplyMeaning(ReplyClass.OK), None}


@pytest.mark.parametrize(
    ('statement', 'meaning', 'reply'),
    [
        ('SELECT * FROM stock', READ, OK),
        ('SELECT * FROM nobody', READ, ReplyMeaning(ReplyClass.ERROR)),
        ('INSERT INTO stock VALUES (3, 1)', ONCE, OK),
        ('INSERT INTO stock VALUES (1, 1)', ONCE, ReplyMeaning(ReplyClass.ERROR)),
        ('INSERT IGNORE INTO stock VALUES (1, 1)', WRITE, OK),
        ('INSERT INTO stock VALUES (1, 5) ON DUPLICATE KEY UPDATE n = VALUES(n)', WRITE, OK),
        ('INSERT INTO stock SELECT 4, 5 FROM stock WHERE id = 7', ONCE, ReplyMeaning(ReplyClass.NOTHING, NONE)),
        ('UPDATE stock SET n = n - 1 WHERE id = 1', ONCE, OK),
        ('UPDATE stock SET n = n - 1 WHERE id = 3', ONCE, ReplyMeaning(ReplyClass.NOTHING, NONE)),
        ('UPDATE stock SET n = 5', WRITE, OK),
        ('DELETE FROM stock WHERE id = 1 LIMIT 1', ONCE, OK),
        ('CREATE TEMPORARY TABLE other (id int)', WRITE, OK),
        ('SELECT repeat(seq, 100) FROM seq_1_to_99', READ, OK),
        ('SELECT id, exp(id * 500) FROM stock', READ, ReplyMeaning(ReplyClass.ERROR)),
        ("SELECT repeat('x', 2000) FROM stock WHERE (SELECT n FROM stock) = 1", READ, ReplyMeaning(ReplyClass.ERROR)),
        ('BEGIN', Meaning(Effect.BEGIN), ReplyMeaning(ReplyClass.OK, OPEN)),
        ('SAVEPOINT x', Meaning(Effect.STEP), OK),
        ('COMMIT', Meaning(Effect.COMMIT), OK),
        ('SELECT * FROM stock; UPDATE stock SET n = n + 1', ONCE, OK),
        (
            'UPDATE stock SET n = n + 1 WHERE id = 7; DELETE FROM stock WHERE id = 7',
            ONCE,
            OK._replace(kind=ReplyClass.NOTHING),
        ),
        ('SELECT * FROM stock; SELECT * FROM nobody', READ, ReplyMeaning(ReplyClass.ERROR)),
    ],
)
def test_statements(relay: Relay, cursor: Any, statement: str, meaning: Meaning, reply: ReplyMeaning) -> None:
    try:
        cursor.execute(statement)
        while cursor.nextset():
            pass
    except pymysql.err.Error:
        assert reply.kind is ReplyClass.ERROR
    (said,) = relay.take()
    assert (said.meaning, said.reply_meaning) == (meaning, reply)
    assert 0 < said.middle < len(said.reply)


def test_a_transaction(relay: Relay, cursor: Any) -> None:
    cursor.connection.autocommit(False)
    cursor.execute('SELECT 1')
    cursor.execute('UPDATE stock SET n = n + 1')
    cursor.execute('SELECT repeat(n, 1000) FROM stock')
    with pytest.raises(pymysql.err.Error):
        cursor.execute('SELECT nothing FROM stock')
    cursor.connection.rollback()
    cursor.execute('SELECT n FROM stock')
    cursor.connection.commit()
    said = [(one.meaning.effect, one.reply_meaning) for one in relay.take()]
    got = ReplyMeaning(ReplyClass.OK, OPEN)
    assert said == [
        (Effect.WRITE, got),
        (Effect.READ, got),
        (Effect.READ, ReplyMeaning(ReplyClass.ERROR)),
        (Effect.ROLLBACK, OK),
        (Effect.READ, got),
        (Effect.COMMIT, OK),
    ]


def test_a_deadlock_ends_the_transaction() -> None:
    """The number of an ERR packet says so."""
    for errno, state in ((1213, NONE), (1062, None)):
        reply = b'\x09\0\0\1\xff' + errno.to_bytes(2, 'little') + b'#40001'
        assert MySQL().reply_meaning(reply, reply, ONCE) == ReplyMeaning(ReplyClass.ERROR, state)


def test_prepared_statements(relay: Relay) -> None:
    with closing(mysql.connector.connect(**ACCOUNT, port=relay.port, ssl_disabled=True)) as connection:
        with closing(connection.cursor()) as setup:
            setup.execute(TABLE)
            setup.execute(ROWS)
        connection.commit()
        relay.forget()
        with closing(connection.cursor(prepared=True)) as cursor:
            cursor.execute('UPDATE stock SET n = n + %s', (1,))
            cursor.execute('UPDATE stock SET n = n + %s', (1,))
            cursor.execute('SELECT * FROM stock WHERE id = %s', (1,))
            cursor.fetchall()
        connection.commit()
    said = [(one.meaning, one.reply_meaning) for one in relay.take() if one.reply]
    step, got = Meaning(Effect.STEP), ReplyMeaning(ReplyClass.OK, OPEN)
    assert [one for one in said if one[0] != step] == [(ONCE, got)] * 2 + [(READ, got), (Meaning(Effect.COMMIT), OK)]
    assert {one[1] for one in said if one[0] == step} <= {ReplyMeaning(ReplyClass.OK), OK, got}


def test_the_end_of_a_long_reply_is_told_from_rows_that_look_like_it() -> None:
    """A row has the bytes of an ERR packet in it; only the last packet ends where the reply does."""
    eof = b'\5\0\0\x09\xfe\0\0\3\0'
    row = b'\xf0\0\0\7' + b'\x09\0\0\1\xff\x15\x04#40001'.ljust(240, b'\0')
    reply = b'\1\0\0\1\1' + row * 9 + eof
    found = MySQL().reply_meaning(reply[:SHOWN_OF_REPLY], reply[-SHOWN_OF_REPLY:], READ)
    assert found == ReplyMeaning(ReplyClass.OK, OPEN)


def test_what_has_no_statement() -> None:
    protocol = MySQL()
    for command, effect in ((0x01, 'connect'), (0x0A, 'read'), (0x05, 'write'), (0x18, 'step'), (0x17, 'write')):
        request = b'\5\0\0\0' + bytes([command]) + bytes(4)
        assert protocol.meaning(request, protocol.describe(request)) == Meaning(Effect(effect))
