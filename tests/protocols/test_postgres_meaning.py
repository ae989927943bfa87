"""What requests of PostgreSQL do, and what a real server's replies say of it, to two drivers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import asyncpg
import psycopg
import pytest

from tests.protocols.relay import CONNECT, ONCE, READ, WRITE, Relay, relaying
from tests.servers import HOST, Server
from vaurien.framing.meaning import SHOWN_OF_REPLY, Effect, Meaning, ReplyClass, ReplyMeaning, TransactionState
from vaurien.protocols.postgres import Postgres
from vaurien.protocols.postgres.messages import make_message

NONE, OPEN, FAILED = TransactionState
Connection = psycopg.Connection[Any]
ACCOUNT: dict[str, Any] = {'host': HOST, 'user': 'tester', 'password': 'secret'}


@pytest.fixture(scope='module')
def relay(postgres: Server) -> Iterator[Relay]:
    with relaying(postgres, Postgres) as relay:
        yield relay


@pytest.fixture
def connection(relay: Relay) -> Iterator[Connection]:
    with psycopg.connect(**ACCOUNT, port=relay.port, dbname='postgres', sslmode='disable', autocommit=True) as it:
        it.execute('CREATE TEMPORARY TABLE stock (id int PRIMARY KEY, n int)')
        it.execute('INSERT INTO stock VALUES (1, 10), (2, 20)')
        relay.forget()
        yield it


def test_to_connect_is_no_more_than_that(relay: Relay, connection: Connection) -> None:
    connection.execute('SELECT 1')
    connection.execute('')
    with psycopg.connect(**ACCOUNT, port=relay.port, dbname='postgres', sslmode='disable'):
        pass
    said = relay.take_all()
    assert {one.text for one in said} >= {'SELECT 1', 'Query', 'startup tester@postgres'}
    assert {one.meaning for one in said} == {CONNECT}
    assert {one.reply_meaning for one in said} <= {ReplyMeaning(ReplyClass.OK, NONE), None}


@pytest.mark.parametrize(
    ('statement', 'meaning', 'kind'),
    [
        ('SELECT * FROM stock', READ, ReplyClass.OK),
        ('SELECT * FROM stock WHERE id = 3', READ, ReplyClass.NOTHING),
        ('SELECT * FROM nobody', READ, ReplyClass.ERROR),
        ('INSERT INTO stock VALUES (3, 1)', ONCE, ReplyClass.OK),
        ('INSERT INTO stock VALUES (1, 1)', ONCE, ReplyClass.ERROR),
        ('INSERT INTO stock SELECT 4, 5 WHERE false', ONCE, ReplyClass.NOTHING),
        ('INSERT INTO stock VALUES (1, 1) ON CONFLICT DO NOTHING', WRITE, ReplyClass.NOTHING),
        ('UPDATE stock SET n = n - 1 WHERE id = 1 RETURNING n', ONCE, ReplyClass.OK),
        ('UPDATE stock SET n = n - 1 WHERE id = 3', ONCE, ReplyClass.NOTHING),
        ('UPDATE stock SET n = 5', WRITE, ReplyClass.OK),
        ('DELETE FROM stock WHERE id = 10', WRITE, ReplyClass.NOTHING),
        ('DELETE FROM stock WHERE id < 100', WRITE, ReplyClass.OK),
        ('CREATE TEMPORARY TABLE other (id int)', WRITE, ReplyClass.OK),
        ('SELECT pg_sleep(0), repeat(md5(i::text), 10) FROM generate_series(1, 40) i', READ, ReplyClass.OK),
        ("SELECT repeat('x', 2000), 1 / 0", READ, ReplyClass.ERROR),
        ("SELECT repeat('x', 2000), 1 / (i - 5) FROM generate_series(1, 9) i", READ, ReplyClass.ERROR),
        ("SELECT 'CREATE '::bytea || repeat('E', 2000)::bytea", READ, ReplyClass.OK),
    ],
)
@pytest.mark.parametrize('is_prepared', [False, True], ids=['query', 'prepared'])
def test_statements(
    relay: Relay, connection: Connection, statement: str, meaning: Meaning, kind: ReplyClass, is_prepared: bool
) -> None:
    try:
        connection.execute(statement, prepare=is_prepared)
    except psycopg.Error:
        assert kind is ReplyClass.ERROR
    *preparing, said = relay.take()
    if is_prepared and not preparing:  # that has failed already
        meaning = Meaning(Effect.STEP)
    assert {one.meaning for one in preparing} <= {Meaning(Effect.STEP)}
    assert (said.meaning, said.reply_meaning) == (meaning, ReplyMeaning(kind, NONE))
    assert 0 < said.middle < len(said.reply)


def test_a_transaction(relay: Relay, connection: Connection) -> None:
    with connection.transaction():
        connection.execute('UPDATE stock SET n = n + %s', [1])
        with pytest.raises(psycopg.Error), connection.transaction():
            connection.execute('SELECT 1 / 0 FROM stock')
    with pytest.raises(psycopg.Error), connection.transaction():
        connection.execute('SELECT nothing')
    said = [(one.meaning.effect, one.reply_meaning) for one in relay.take()]
    assert said == [
        (Effect.BEGIN, ReplyMeaning(ReplyClass.OK, OPEN)),
        (Effect.WRITE, ReplyMeaning(ReplyClass.OK, OPEN)),
        (Effect.STEP, ReplyMeaning(ReplyClass.OK, OPEN)),  # SAVEPOINT
        (Effect.READ, ReplyMeaning(ReplyClass.ERROR, FAILED)),
        (Effect.ROLLBACK, ReplyMeaning(ReplyClass.OK, OPEN)),  # ROLLBACK TO
        (Effect.STEP, ReplyMeaning(ReplyClass.OK, OPEN)),  # RELEASE
        (Effect.COMMIT, ReplyMeaning(ReplyClass.OK, NONE)),
        (Effect.BEGIN, ReplyMeaning(ReplyClass.OK, OPEN)),
        (Effect.READ, ReplyMeaning(ReplyClass.ERROR, FAILED)),
        (Effect.ROLLBACK, ReplyMeaning(ReplyClass.OK, NONE)),
    ]


def test_a_commit_that_is_answered_with_a_rollback(relay: Relay, connection: Connection) -> None:
    connection.execute('BEGIN')
    with pytest.raises(psycopg.Error):
        connection.execute('SELECT nothing')
    connection.execute('COMMIT')
    assert relay.take()[-1].reply_meaning == ReplyMeaning(ReplyClass.ROLLED_BACK, NONE)


def test_several_statements_at_once(relay: Relay, connection: Connection) -> None:
    connection.execute('BEGIN; UPDATE stock SET n = n + 1; COMMIT')
    connection.execute('UPDATE stock SET n = 1 WHERE id = 7; DELETE FROM stock WHERE id = 7')
    changed, nothing = relay.take()
    assert (changed.meaning, changed.reply_meaning) == (ONCE, ReplyMeaning(ReplyClass.OK, NONE))
    assert (nothing.meaning, nothing.reply_meaning) == (WRITE, ReplyMeaning(ReplyClass.NOTHING, NONE))


def test_a_copy_goes_in_or_out(relay: Relay, connection: Connection) -> None:
    with connection.cursor() as cursor:
        with cursor.copy('COPY stock FROM STDIN') as copy:
            for number in range(100, 400):
                copy.write_row((number, 1))
        with cursor.copy('COPY stock TO STDOUT') as out:
            assert len(list(out)) == 302
    into, out_of = relay.take()
    assert (into.meaning, into.reply_meaning) == (ONCE, ReplyMeaning(ReplyClass.OK, NONE))
    assert (out_of.meaning, out_of.reply_meaning) == (READ, ReplyMeaning(ReplyClass.OK, NONE))


def test_a_batch_that_comes_in_pieces_does_what_its_first_statement_does(relay: Relay, connection: Connection) -> None:
    with connection.pipeline():
        connection.execute('UPDATE stock SET n = n + 1 WHERE id = %s', [1])
        connection.execute('SELECT n FROM stock WHERE id = %s', [1])
    (said,) = relay.take()
    assert (said.meaning, said.reply_meaning) == (ONCE, ReplyMeaning(ReplyClass.OK, NONE))


def test_what_has_come_in_part_is_not_claimed_to_be_once_only(relay: Relay, connection: Connection) -> None:
    rows = ', '.join(f'({number}, 1)' for number in range(100, 1000))
    connection.execute(f'INSERT INTO stock VALUES {rows}')
    assert relay.take()[-1].meaning == WRITE


def test_asyncpg(relay: Relay, postgres: Server) -> None:
    """It prepares and executes in two messages, and goes on with rows."""

    async def talk() -> None:
        connection = await asyncpg.connect(**ACCOUNT, port=relay.port, database='postgres', ssl=False)
        await connection.execute('CREATE TEMPORARY TABLE a (b int)')
        relay.forget()
        await connection.execute('INSERT INTO a VALUES ($1)', 1)
        await connection.fetch('SELECT b FROM a WHERE b = $1', 1)
        prepared = await connection.prepare('UPDATE a SET b = b + $1')
        await prepared.fetch(1)
        await prepared.fetch(1)
        async with connection.transaction():
            async for _ in connection.cursor('SELECT b, generate_series(1, 99) FROM a WHERE b > $1', 0, prefetch=50):
                pass
        await connection.close()

    asyncio.run(talk())
    said = [(one.meaning, one.reply_meaning) for one in relay.take() if one.meaning.effect is not Effect.STEP]
    done, got = ReplyMeaning(ReplyClass.OK, NONE), ReplyMeaning(ReplyClass.OK, OPEN)
    assert said == [
        (ONCE, done),
        (READ, done),
        (ONCE, done),
        (ONCE, done),
        (Meaning(Effect.BEGIN), got),
        *[(READ, got)] * 2,
        (Meaning(Effect.COMMIT), done),
    ]


def test_who_is_thrown_out_gets_an_error(relay: Relay, connection: Connection) -> None:
    with pytest.raises(psycopg.Error):
        connection.execute('SELECT pg_terminate_backend(pg_backend_pid()) FROM stock')
    assert relay.take()[-1].reply_meaning == ReplyMeaning(ReplyClass.ERROR)


def test_the_end_of_a_long_reply_is_told_from_rows_that_look_like_it() -> None:
    """A row has the bytes of a CommandComplete in it; only the last messages end where the reply does."""
    ready = make_message(b'Z', b'T')
    row = make_message(b'D', make_message(b'C', b'UPDATE 0\0') * 40)
    reply = make_message(b'T', bytes(SHOWN_OF_REPLY)) + row * 3 + make_message(b'C', b'UPDATE 3\0') + ready
    found = Postgres().reply_meaning(reply[:SHOWN_OF_REPLY], reply[-SHOWN_OF_REPLY:], ONCE)
    assert found == ReplyMeaning(ReplyClass.OK, OPEN)


def test_a_batch_does_all_that_is_executed() -> None:
    def message(kind: bytes, *fields: bytes) -> bytes:
        return make_message(kind, b''.join(field + b'\0' for field in fields) + bytes(6))

    read = message(b'P', b'', b'SELECT a FROM b') + message(b'B', b'', b'')
    write = message(b'P', b'x', b'UPDATE a SET b = b + 1') + message(b'B', b'', b'x')
    execute, sync = message(b'E', b''), make_message(b'S', b'')
    assert Postgres().meaning(read + execute + sync, '') == READ
    assert Postgres().meaning(read + execute + write + execute + sync, '') == ONCE
    assert Postgres().meaning(read + execute + write + sync, '') == READ
    assert Postgres().meaning(read + execute + write, '') == ONCE  # an Execute may come
    assert Postgres().meaning(write + sync, '') == Meaning(Effect.STEP)
    assert Postgres().meaning(sync, '') == Meaning(Effect.CONNECT)


def test_an_execute_of_nobody_knows_what() -> None:
    bind = make_message(b'B', b'\0some name\0\0\0\0\0\0\0')
    execute, sync = make_message(b'E', b'\0\0\0\0\0'), make_message(b'S', b'')
    assert Postgres().meaning(bind + execute + sync, 'Bind') == WRITE
    assert Postgres().meaning(execute + sync, 'Execute') == READ
    assert Postgres().meaning(make_message(b'F', b'\0\0\0\1'), 'FunctionCall 1') == WRITE
