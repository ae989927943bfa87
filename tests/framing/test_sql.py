"""Where statements end, in the SQL of PostgreSQL and of MySQL."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, strategies as st

from vaurien.framing.sql import MAX_ASKING, MAX_TEXT, Dialect, find_asked, find_statements
from vaurien.protocols.mysql.dialect import DIALECT as MYSQL
from vaurien.protocols.postgres.dialect import DIALECT as POSTGRES

BOTH = [POSTGRES, MYSQL]


def split(text: str, dialect: Dialect) -> list[str]:
    """Return the statements, without blanks around them."""
    data = text.encode()
    return [data[begin:end].decode().strip() for begin, end in find_statements(data, dialect)]


@pytest.mark.parametrize('dialect', BOTH, ids=['postgres', 'mysql'])
class TestBoth:
    """Tests what is the same in both."""

    @pytest.mark.parametrize('text', ['', ' ', ';', ' ; ;\n', '-- a;\n', '/* ; */;'])
    def test_nothing(self, dialect: Dialect, text: str) -> None:
        assert split(text, dialect) == []

    @pytest.mark.parametrize(
        'statement',
        ["'a;b'", "'it''s;'", '"a;""b"', 'a/* ; */b', 'a -- ;\n b', 'f(a; b)', "n'a;'", 'a_é', '1'],
    )
    def test_semicolons_that_end_nothing(self, dialect: Dialect, statement: str) -> None:
        assert split(f'{statement}; b;', dialect) == [statement, 'b']
        assert split(f'b;; {statement}', dialect) == ['b', statement]

    @pytest.mark.parametrize('statement', ["'a; b", '"a; b', '/* a; b'])
    def test_what_is_not_closed_goes_on(self, dialect: Dialect, statement: str) -> None:
        assert split(f'a; {statement}', dialect)[:1] == ['a']
        assert len(split(f'a; x {statement}', dialect)) == 2

    def test_only_the_beginning_is_looked_at(self, dialect: Dialect) -> None:
        spans = find_statements(b'a;' * MAX_TEXT, dialect)
        assert len(spans) == MAX_TEXT // 2

    @given(st.text(alphabet=';\'"$a\\ /*-\n`#(E', max_size=30))
    def test_anything(self, dialect: Dialect, text: str) -> None:
        """Statements do not overlap, and nothing is lost but semicolons, blanks and comments."""
        spans = find_statements(text.encode(), dialect)
        edges = [edge for span in spans for edge in span]
        assert edges == sorted(edges)

    @pytest.mark.parametrize('text', ["'", '"', '$a$', '/*', "'\\", "E'\\'", '(', ';', '--', 'x;', "''"])
    def test_takes_time_by_length(self, dialect: Dialect, text: str) -> None:
        began = time.process_time()
        find_statements(text.encode() * MAX_TEXT, dialect)
        assert time.process_time() - began < 5


@pytest.mark.parametrize(
    'statement',
    [
        *("E'a\\';'", "e'\\\\'", '$$ ; $$', '$a$ ; $$ ; $b$ $a$', 'a$b$c', 'SELECT $1', '/* /* ; */ ; */ a'),
        *("'C:\\dir;'", 'CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)', '`', '#'),
    ],
)
def test_postgres(statement: str) -> None:
    assert split(f'{statement}; b', POSTGRES) == [statement, 'b']


@pytest.mark.parametrize(
    'statement',
    [
        'CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END; b',
        *("'a\\'; b'; c", 'COPY t FROM STDIN; b', '$a$ ; b'),
    ],
)
def test_what_only_postgres_can_tell(statement: str) -> None:
    assert split(f'a; {statement}', POSTGRES) == ['a', statement]


@pytest.mark.parametrize(
    'statement',
    [
        *("'a\\';'", '"a\\";"', '`;`', '`a``;`', 'a # ;\n b', 'a-- ;\n b', 'a --\t;\n b', 'a--1', '/*! a */ b', '$'),
        *('BEGIN', 'SELECT IF(a, b, c)', 'XA BEGIN "a"', 'CREATE TABLE a (b int)', '/*M!100 a */', '/* /* */ a'),
        *("SELECT REPEAT('a', 3)", 'DELETE FROM a WHERE b', 'SHOW BEGIN', 'SET @a:=1'),
    ],
)
def test_mysql(statement: str) -> None:
    assert split(f'{statement}; b', MYSQL) == [statement, 'b']


@pytest.mark.parametrize(
    'statement',
    [
        'CREATE DEFINER=`a`@`b` PROCEDURE p() BEGIN SELECT 1; SELECT 2; END; b',
        'create or replace trigger t before insert on u for each row begin set @a = 1; set @b = 1; end; c',
        *('ALTER EVENT e DO BEGIN a; b; END; c', 'BEGIN NOT ATOMIC a; b; END; c', 'IF a THEN b; c; END IF; d'),
        *('x: LOOP a; b; END LOOP; c', 'x :\nwhile a DO b; END WHILE; c', '`x`: REPEAT a; UNTIL b END REPEAT; c'),
        *('x: BEGIN NOT ATOMIC a; b; END; c', '/*! a; */ b; c', "LOAD DATA LOCAL INFILE 'a' INTO TABLE b; c"),
    ],
)
def test_what_only_mysql_can_tell(statement: str) -> None:
    assert split(f'a; {statement}', MYSQL) == ['a', statement]


@pytest.mark.parametrize('dialect', BOTH, ids=['postgres', 'mysql'])
class TestAsking:
    """A comment in which a statement asks for faults."""

    @pytest.mark.parametrize(
        ('text', 'asked'),
        [
            ('/* vaurien: error */ SELECT 1', 'error'),
            ("SELECT 1 /*vaurien:error(match='SELECT*', nth=1)*/", "error(match='SELECT*', nth=1)"),
            ('SELECT /* a */ /* vaurien:\n error,\n 5:delay */ 1 /* vaurien: delay */', 'error,\n 5:delay'),
            ('SELECT 1', ''),
            ("SELECT '/* vaurien: error */'", ''),
            ('SELECT 1 -- /* vaurien: error */', ''),
            ('SELECT 1 /* no vaurien: error */', ''),
            ('SELECT 1 /* vaurien: error', ''),
            ("SELECT 'a /* vaurien: error */", ''),
            ('/* vaurien: */ SELECT 1', ''),
        ],
    )
    def test_texts(self, dialect: Dialect, text: str, asked: str) -> None:
        assert find_asked(text.encode(), dialect) == asked

    def test_it_has_to_be_at_the_beginning(self, dialect: Dialect) -> None:
        wish = '/* vaurien: error */'
        room = MAX_ASKING - len(wish)
        assert [find_asked((' ' * size + wish).encode(), dialect) for size in (room, room + 1)] == ['error', '']


def test_comments_that_are_executed_ask_for_nothing() -> None:
    assert find_asked(b'/*! vaurien: error */ SELECT 1', MYSQL) == ''
