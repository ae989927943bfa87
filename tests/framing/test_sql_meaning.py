"""What statements do: effects, and whether they may be repeated, in the SQL of PostgreSQL and of MySQL."""

from __future__ import annotations

import gc
import time

import pytest
from hypothesis import given, strategies as st

from vaurien.framing.meaning import Effect, Meaning
from vaurien.framing.sql_meaning import READ_MAX, SQLMeanings, combine
from vaurien.protocols.mysql.dialect import DIALECT as MYSQL
from vaurien.protocols.postgres.dialect import DIALECT as POSTGRES

BOTH = {'postgres': SQLMeanings(POSTGRES), 'mysql': SQLMeanings(MYSQL)}

EFFECTS = {
    Effect.CONNECT: [
        *('', ';', ' ', '-- ping', 'SELECT 1', '/* ping */ SELECT 1;', "select 'x' AS one", 'SELECT 1 FROM DUAL'),
        *('SELECT version()', 'select pg_catalog.version()', 'SELECT @@version, @@sql_mode AS mode', 'SELECT NULL'),
        *('SET NAMES utf8mb4', 'SET AUTOCOMMIT = 0', 'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE', 'USE test'),
        *('DEALLOCATE ALL', 'DISCARD ALL', 'LISTEN jobs', "LOAD 'auto_explain'"),
    ],
    Effect.READ: [
        *('SELECT 1 FROM orders', 'select now()', '(SELECT 1 FROM a) UNION (SELECT 2 FROM b)', 'SHOW TABLES'),
        *('SELECT a FROM b FOR UPDATE', 'WITH x AS (SELECT 1) SELECT * FROM x FOR UPDATE', 'VALUES (1)', 'TABLE a'),
        *(
            "SELECT 'INSERT INTO x' FROM a",
            'EXPLAIN DELETE FROM a',
            'COPY (SELECT * FROM a) TO STDOUT',
            'COPY a TO STDOUT',
        ),
        *('SELECT a INTO @x FROM b', "SELECT a INTO OUTFILE 'x' FROM b", 'FETCH 10 FROM c', 'XA RECOVER'),
        'SET STATEMENT max_statement_time=1 FOR SELECT a FROM b',
    ],
    Effect.WRITE: [
        *('INSERT INTO a VALUES (1)', 'update a set b = 1', 'DELETE FROM a', 'REPLACE INTO a VALUES (1)', 'CALL f()'),
        *('CREATE TABLE a (b int)', 'DROP TABLE a', 'TRUNCATE a', 'ALTER TABLE a ADD b int', 'MERGE INTO a USING b'),
        *('COPY a FROM STDIN', "LOAD DATA LOCAL INFILE 'x' INTO TABLE a", 'NOTIFY jobs', 'DO $$ x $$', 'EXECUTE x'),
        *('SELECT * INTO b FROM a', 'WITH x AS (DELETE FROM a RETURNING *) SELECT * FROM x', 'GRANT ALL ON a TO b'),
        *('WITH x AS (SELECT 1) INSERT INTO a SELECT * FROM x', '/* why */ INSERT INTO a VALUES (1)', 'upsert into a'),
        *(
            'BEGIN; INSERT INTO a VALUES (1); COMMIT',
            'SELECT 1; DELETE FROM a',
        ),
        'SET STATEMENT max_statement_time=1 FOR UPDATE a SET b = 1',
    ],
    Effect.STEP: ['SAVEPOINT x', 'RELEASE x', 'PREPARE x AS SELECT 1', "PREPARE TRANSACTION 'x'", "XA END 'x'"],
    Effect.BEGIN: [
        'BEGIN',
        'begin isolation level serializable',
        'START TRANSACTION',
        "XA START 'x'",
        'BEGIN; SELECT 1',
    ],
    Effect.COMMIT: ['COMMIT', 'END', "COMMIT PREPARED 'x'", "XA COMMIT 'x'", 'COMMIT; BEGIN', 'COMMIT AND CHAIN'],
    Effect.ROLLBACK: ['ROLLBACK', 'ABORT', 'ROLLBACK TO SAVEPOINT x', "XA ROLLBACK 'x'", "ROLLBACK PREPARED 'x'"],
}

#: What a second time changes nothing.
REPEATABLE = [
    *('DELETE FROM a WHERE id = 1', 'UPDATE a SET b = 1', 'UPDATE a SET b = now(), c = 2 WHERE b = 0', 'TRUNCATE a'),
    *(
        'UPDATE a SET b = c + 1',
        'UPDATE a AS o SET b = s.b FROM source s WHERE s.id = o.id',
        'REPLACE INTO a VALUES (1)',
    ),
    *('INSERT INTO a VALUES (1) ON CONFLICT DO NOTHING', 'INSERT IGNORE INTO a VALUES (1)'),
    'INSERT INTO a (id, n) VALUES (1, 2) ON CONFLICT (id) DO UPDATE SET n = excluded.n WHERE a.n <> excluded.n',
    'INSERT INTO a (id, n) VALUES (1, 2) ON DUPLICATE KEY UPDATE n = VALUES(n), m = 3',
    'INSERT INTO a (id, n) VALUES (1, 2) AS new ON DUPLICATE KEY UPDATE n = new.n',
    'UPDATE a SET b = coalesce(b, 5), c = greatest(a.c, 7)',
    'UPDATE a SET b = coalesce(b, now()) WHERE id = 1',
    "UPDATE a SET b = 'b + 1', c = (SELECT max(x.b) FROM x)",
    'UPDATE a SET (b, c) = (1, 2)',
    'UPDATE a SET version = 4 WHERE id = 1 AND version = 3',
    'UPDATE a JOIN s ON s.id = a.id SET a.n = s.n',
    'WITH x AS (UPDATE a SET b = 1 RETURNING b) SELECT b FROM x',
    'MERGE INTO a USING b ON a.id = b.id WHEN MATCHED THEN UPDATE SET n = b.n',
    'CREATE TABLE IF NOT EXISTS a (b int)',
]
#: What a second time changes more.
UNREPEATABLE = [
    *('INSERT INTO a VALUES (1)', 'INSERT INTO a SELECT * FROM b', 'UPDATE a SET b = b + 1', 'update A set B=b-1'),
    *('UPDATE a SET b = a.b + 1', 'UPDATE a x SET b = x.b + 1', 'UPDATE a SET b = c, c = b', 'COPY a FROM STDIN'),
    # SQLAlchemy, Django, ActiveRecord
    'UPDATE stock SET n=(stock.n - 1) WHERE stock.id = 1',
    'UPDATE stock SET n = COALESCE(stock.n, 0) - 1 WHERE stock.id = 1',
    *('UPDATE a SET b = greatest(b - 1, 0)', 'UPDATE a SET b = (b + 1)', 'UPDATE a SET c = 1, b = concat(b, 1)'),
    'INSERT INTO a (id, n) VALUES (1, 2) ON CONFLICT (id) DO UPDATE SET n = a.n + excluded.n',
    'INSERT INTO a AS t (id, n) VALUES (1, 2) ON CONFLICT (id) DO UPDATE SET n = t.n + 1 WHERE t.id > 0',
    'INSERT INTO a (id, n) VALUES (1, 2) ON DUPLICATE KEY UPDATE m = 1, n = n + VALUES(n)',
    'DELETE FROM a WHERE id = (SELECT id FROM a ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)',
    'UPDATE a SET taken = 1 WHERE taken = 0 LIMIT 1',
    'WITH x AS (UPDATE a SET b = b + 1 RETURNING b) SELECT b FROM x',
    'WITH x AS (DELETE FROM a RETURNING *) INSERT INTO b SELECT * FROM x',
    'UPDATE a SET b = 1; UPDATE a SET c = c + 1',
    "LOAD DATA LOCAL INFILE 'x' INTO TABLE a",
]


def find(text: str) -> set[Meaning]:
    return {meanings.find(text.encode()) for meanings in BOTH.values()}


@pytest.mark.parametrize(('effect', 'text'), [(effect, text) for effect, texts in EFFECTS.items() for text in texts])
def test_effects(effect: Effect, text: str) -> None:
    assert {meaning.effect for meaning in find(text)} == {effect}


@pytest.mark.parametrize('text', REPEATABLE)
def test_what_may_be_repeated(text: str) -> None:
    assert find(text) == {Meaning(Effect.WRITE)}


@pytest.mark.parametrize('text', UNREPEATABLE)
def test_what_may_not(text: str) -> None:
    assert find(text) == {Meaning(Effect.WRITE, repeatable=False)}


def test_names_in_quotes() -> None:
    assert not BOTH['postgres'].find(b'UPDATE "a" SET "my col" = "my col" + 1').repeatable
    assert not BOTH['mysql'].find(b'UPDATE `a` SET `my col` = `a`.`my col` + 1').repeatable
    assert BOTH['mysql'].find(b'UPDATE `a` SET `my col` = `other col` + 1').repeatable
    assert not BOTH['postgres'].find(b'UPDATE "app_stock" SET "n" = ("app_stock"."n" - 1) WHERE "id" = 1').repeatable
    assert not BOTH['mysql'].find(b'UPDATE `stocks` SET `n` = COALESCE(`n`, 0) + 1 WHERE `id` = 1').repeatable


def test_a_comment_that_one_of_the_servers_executes() -> None:
    text = b'/*!40000 ALTER TABLE a DISABLE KEYS */'
    assert BOTH['mysql'].find(text) == Meaning(Effect.WRITE)
    assert BOTH['postgres'].find(text) == Meaning(Effect.CONNECT)


def test_of_what_is_not_all_there_nothing_is_claimed() -> None:
    """An ON CONFLICT may come yet."""
    insert = b'INSERT INTO a VALUES (1)'
    long = insert + b', (1)' * READ_MAX
    for meanings in BOTH.values():
        assert not meanings.find(insert).repeatable
        assert meanings.find(insert, is_whole=False).repeatable
        assert meanings.find(long).repeatable
        assert meanings.find(long).effect is Effect.WRITE


def test_together() -> None:
    read, write, step = Meaning(Effect.READ), Meaning(Effect.WRITE, repeatable=False), Meaning(Effect.STEP)
    assert combine([]) == Meaning(Effect.CONNECT)
    assert combine([read, write, step]) == write
    assert combine([read, step]) == step
    assert combine([read, Meaning(Effect.BEGIN), Meaning(Effect.COMMIT)]) == Meaning(Effect.COMMIT)


@pytest.mark.parametrize(
    'beginning', ['', 'UPDATE a SET ', 'WITH a AS (', 'INSERT INTO a VALUES (1) ON CONFLICT DO UPDATE SET ']
)
@pytest.mark.parametrize(
    'piece', ['a=b,', '(UPDATE ', '=coalesce(', 'ON CONFLICT ', '/**/', 'SELECT 1,', 'a;', "'',", 'a.', '(']
)
def test_takes_time_by_length(beginning: str, piece: str) -> None:
    text = beginning + piece * READ_MAX
    gc.disable()  # it may take longer than what is measured
    try:
        began = time.thread_time()
        find(text)
        assert time.thread_time() - began < 0.5
    finally:
        gc.enable()


@given(
    st.lists(
        st.sampled_from(['UPDATE a ', 'SET ', 'b ', '= ', 'c.b ', ', ', '(', ')', 'ON DUPLICATE ', 'INSERT ', 'WITH '])
        | st.text(alphabet=';\'"$a\\ /*-\n`#(E!.', max_size=5),
        max_size=12,
    )
)
def test_anything(words: list[str]) -> None:
    assert all(isinstance(meaning, Meaning) for meaning in find(''.join(words)))
