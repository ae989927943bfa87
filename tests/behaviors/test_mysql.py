"""MySQL: every behavior against a real MariaDB, with the driver ``pymysql`` and the client ``mariadb``."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha1
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import pymysql
import pytest
from pymysql.constants import CLIENT, COMMAND
from pymysql.cursors import SSCursor

from tests.behaviors.waiting import eventually
from tests.servers import HOST, TIMEOUT, Server, command_path
from vaurien import Proxy

#: What ``pymysql`` raises from a statement on an open connection.
RAISES: dict[str, str] = {
    'dummy': 'nothing',
    'delay': 'nothing, later',
    'error': 'pymysql.err.OperationalError 1205',
    'transient': 'pymysql.err.OperationalError 1205, then nothing',
    'hang': 'pymysql.err.OperationalError 2013',
    'blackout': 'pymysql.err.OperationalError 2013',
    'abort': 'pymysql.err.OperationalError 2013',
}
#: What whoever connects gets: the exchange is the greeting.
CONNECTING = {
    **RAISES,
    'error': 'pymysql.err.OperationalError 1040',
    'transient': 'pymysql.err.OperationalError 1040, then nothing',
}
#: After these the connection goes on; after the others the driver has closed it.
STAYS = {'dummy', 'delay', 'error', 'transient'}
OPTIONS: dict[str, dict[str, Any]] = {'delay': {'sleep': 0.1}, 'transient': {'agitate': 1}}
#: Seconds that a client waits for a reply that never comes.
PATIENCE = 0.5

#: 6 MB and 18 MB, of which the second takes several packets.
LARGE = Random(1).randbytes(3_000_000).hex()
HUGE = LARGE * 3
#: Greeting, login, SET NAMES, SET AUTOCOMMIT.
CONNECTED = 4
SECRET = 'hunter2-secret'

every_behavior = pytest.mark.parametrize('behavior', RAISES)


def make_proxy(mariadb: Server, behavior: str = 'dummy', **options: Any) -> Proxy:
    """Return a proxy in front of *mariadb*; *options* are those of the one *behavior*."""
    return Proxy(mariadb.address, 'mysql', behavior=behavior, options={behavior: options}, seed=1)


@contextmanager
def mysql_client(proxy: Proxy, **given: Any) -> Iterator[Any]:
    """Return a connection of ``pymysql`` that has logged in."""
    usual = {'user': 'tester', 'password': 'secret', 'database': 'test', 'read_timeout': TIMEOUT, 'local_infile': True}
    client = pymysql.connect(host=HOST, port=proxy.address.port, **{**usual, **given})
    try:
        yield client
    finally:
        if client.open:
            client.close()


def ask(client: Any, statement: str, *arguments: object) -> Any:
    """Return the rows that *statement* gives."""
    with client.cursor() as cursor:
        cursor.execute(statement, arguments or None)
        return cursor.fetchall()


def log_in(proxy: Proxy, timeout: float = TIMEOUT) -> None:
    """Connect, log in and leave."""
    with mysql_client(proxy, read_timeout=timeout) as client:
        client.ping()


def run_client(proxy: Proxy, statements: str, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run ``mariadb``."""
    command = [command_path('mariadb'), '--no-defaults', f'--host={HOST}', f'--port={proxy.address.port}']
    command += ['--user=tester', '--password=secret', '--database=test', '--skip-column-names', '--skip-ssl', *flags]
    return subprocess.run(
        [*command, f'--execute={statements}'], capture_output=True, text=True, check=False, timeout=3 * TIMEOUT
    )


def raised(act: Callable[[], object]) -> str:
    """Return the full name of what *act* raises, with the number of the error."""
    try:
        act()
    except pymysql.Error as error:
        return f'{type(error).__module__}.{type(error).__qualname__} {error.args[0]}'
    return 'nothing'


def check(expected: str, act: Callable[[], object]) -> None:
    """Check that *act* raises what the table says, when it says."""
    first, _, then = expected.partition(', ')
    began = monotonic()
    assert raised(act) == first
    if then == 'later':
        assert monotonic() - began >= OPTIONS['delay']['sleep']
    elif then:
        assert raised(act) == then.removeprefix('then ')


@every_behavior
def test_statement(mariadb: Server, behavior: str) -> None:
    timeout = PATIENCE if behavior == 'hang' else TIMEOUT
    with make_proxy(mariadb) as proxy, mysql_client(proxy, read_timeout=timeout) as client:
        identity = ask(client, 'SELECT CONNECTION_ID()')
        with proxy.with_behavior(behavior, **OPTIONS.get(behavior, {})):
            check(RAISES[behavior], lambda: ask(client, 'SELECT 1'))
            hit = proxy.status()['faults']
        assert hit == ({} if behavior == 'dummy' else {behavior: 1})
        if behavior in STAYS:
            assert ask(client, 'SELECT CONNECTION_ID()') == identity
        else:
            with pytest.raises(pymysql.err.InterfaceError):
                ask(client, 'SELECT 1')
            log_in(proxy)


@every_behavior
def test_connecting(mariadb: Server, behavior: str) -> None:
    with make_proxy(mariadb) as proxy:
        with proxy.with_behavior(behavior, **OPTIONS.get(behavior, {})):
            timeout = PATIENCE if behavior == 'hang' else TIMEOUT
            check(CONNECTING[behavior], lambda: log_in(proxy, timeout))
        log_in(proxy)


@pytest.mark.parametrize('behavior', ['error', 'transient'])
def test_login(mariadb: Server, behavior: str) -> None:
    with make_proxy(mariadb) as proxy:
        proxy.set_behavior(behavior, warmup=1, errno=1045)
        with pytest.raises(pymysql.err.OperationalError) as caught:
            log_in(proxy)
        assert caught.value.args == (1045, 'injected by vaurien')
        proxy.set_behavior(behavior, warmup=1)
        with pytest.raises(pymysql.err.OperationalError) as caught:
            log_in(proxy)
        assert caught.value.args == (1040, 'Too many connections')
        proxy.set_behavior('dummy')
        log_in(proxy)


class TestDummy:
    """Tests that nothing changes, whatever is asked; a delay of 0 seconds shows that each exchange is seen."""

    @pytest.mark.parametrize('flags', [0, CLIENT.MULTI_STATEMENTS])
    def test_values(self, mariadb: Server, flags: int) -> None:
        with make_proxy(mariadb, 'delay', sleep=0) as proxy, mysql_client(proxy, client_flag=flags) as client:
            assert ask(client, 'SELECT %s, 1', LARGE) == ((LARGE, 1),)
            assert ask(client, 'SELECT %s, 2', HUGE) == ((HUGE, 2),)
            assert ask(client, 'SELECT seq, REPEAT(seq, 9) FROM seq_1_to_9999')[-1] == (9999, '9999' * 9)
            assert ask(client, 'SELECT 1 LIMIT 0') == ()
            with pytest.raises(pymysql.err.ProgrammingError):
                ask(client, 'SELECT 1 FROM nowhere')
            assert not ask(client, 'DO 1')
            client.ping()
            client.select_db('test')
            assert proxy.status()['faults'] == {'delay': CONNECTED + 8}
            assert proxy.status()['exchanges'] == CONNECTED + 8

    @pytest.mark.parametrize('behavior', ['dummy', 'delay'])
    def test_executemany(self, mariadb: Server, behavior: str) -> None:
        options = {'sleep': 0} if behavior == 'delay' else {}
        with make_proxy(mariadb, behavior, **options) as proxy, mysql_client(proxy) as client:
            ask(client, f'CREATE OR REPLACE TABLE many_{behavior} (a int, b longtext)')
            rows = [(number, 'x' * number) for number in range(500)]
            with client.cursor() as cursor:
                assert cursor.executemany(f'INSERT INTO many_{behavior} VALUES (%s, %s)', rows) == 500
            client.commit()
            assert list(ask(client, f'SELECT * FROM many_{behavior} ORDER BY a')) == rows

    def test_several_results(self, mariadb: Server) -> None:
        with make_proxy(mariadb, 'delay', sleep=0) as proxy:
            with mysql_client(proxy, client_flag=CLIENT.MULTI_STATEMENTS) as client:
                with client.cursor() as cursor:
                    cursor.execute('SELECT 1; DO 1; SELECT 2; SELECT 3 LIMIT 0; SELECT nothing')
                    assert cursor.fetchall() == ((1,),)
                    assert [(cursor.nextset(), cursor.fetchall()) for _ in range(3)][1] == (True, ((2,),))
                    with pytest.raises(pymysql.err.OperationalError):
                        cursor.nextset()
                assert ask(client, 'SELECT 4') == ((4,),)
            eventually(lambda: proxy.status()['exchanges'] == CONNECTED + 3)  # the last is COM_QUIT

    def test_unbuffered(self, mariadb: Server) -> None:
        with make_proxy(mariadb, 'delay', sleep=0) as proxy, mysql_client(proxy) as client:
            with client.cursor(SSCursor) as cursor:
                cursor.execute('SELECT seq FROM seq_1_to_100000')
                assert sum(row[0] for row in cursor) == 5_000_050_000
            assert ask(client, 'SELECT 4') == ((4,),)

    @pytest.mark.parametrize('before', [True, False])
    def test_local_infile(self, mariadb: Server, tmp_path: Path, before: bool) -> None:
        file = tmp_path / 'rows'
        file.write_text(''.join(f'{number}\t{"x" * 30}\n' for number in range(50_000)))
        table = f'infile_{before}'
        with make_proxy(mariadb, 'delay', sleep=0, before=before) as proxy, mysql_client(proxy) as client:
            ask(client, f'CREATE OR REPLACE TABLE {table} (a int, b text)')
            with client.cursor() as cursor:
                assert cursor.execute(f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE {table}") == 50_000
                with pytest.raises(pymysql.err.OperationalError):
                    cursor.execute(f"LOAD DATA LOCAL INFILE '{file}.missing' INTO TABLE {table}")
            assert ask(client, f'SELECT COUNT(*) FROM {table}') == ((50_000,),)
            assert proxy.status()['faults'] == {'delay': CONNECTED + 4}

    def test_several_connections(self, mariadb: Server) -> None:
        with make_proxy(mariadb) as proxy, mysql_client(proxy) as one, mysql_client(proxy) as other:
            identities = [ask(client, 'SELECT CONNECTION_ID()') for client in (one, other, one, other)]
            assert identities[:2] == identities[2:]
            assert identities[0] != identities[1]
            assert proxy.status()['exchanges'] == 2 * CONNECTED + 4

    @pytest.mark.parametrize('flags', [0, 1 << 24], ids=['EOF packets', 'none'])
    def test_on_the_wire(self, mariadb: Server, flags: int) -> None:
        """The driver does none of this: prepared statements, cursors, old commands, a change of user."""
        with make_proxy(mariadb, 'delay', sleep=0) as proxy, mysql_client(proxy, client_flag=flags) as client:
            ends = 0 if flags else 1
            ask_raw(client, COMMAND.COM_QUERY, b'CREATE OR REPLACE TABLE wire (a int, b int)', 1)
            ask_raw(client, COMMAND.COM_QUERY, b'INSERT INTO wire SELECT seq, seq FROM seq_1_to_9', 1)
            prepared = ask_raw(
                client, COMMAND.COM_STMT_PREPARE, b'SELECT a, b FROM wire WHERE a > ? ORDER BY a', 4 + 2 * ends
            )
            statement = prepared[0][1:5]
            parameter = b'\0\1\x08\0' + (4).to_bytes(8, 'little')
            assert len(execute(client, statement, b'\0', parameter, 1 + 2 + ends + 5 + 1)) == 9 + ends
            opened = execute(client, statement, b'\1', parameter, 1 + 2 + 1)
            assert opened[-1][0] == 0xFE
            rows = ask_raw(client, COMMAND.COM_STMT_FETCH, statement + (3).to_bytes(4, 'little'), 3 + 1)
            assert [row[0] for row in rows] == [0, 0, 0, 0xFE]
            ask_raw(client, COMMAND.COM_STMT_FETCH, statement + (9).to_bytes(4, 'little'), 2 + 1)
            ask_raw(client, COMMAND.COM_STMT_SEND_LONG_DATA, statement + b'\0\0' + b'7', 0)
            ask_raw(client, COMMAND.COM_STMT_RESET, statement, 1)
            ask_raw(client, COMMAND.COM_STMT_CLOSE, statement, 0)
            with pytest.raises(pymysql.err.OperationalError, match='Unknown prepared statement'):
                execute(client, statement, b'\0', parameter, 1)
            with pytest.raises(pymysql.err.ProgrammingError):
                ask_raw(client, COMMAND.COM_STMT_PREPARE, b'SELECT 1 FROM nowhere', 1)
            ask_raw(client, COMMAND.COM_STMT_PREPARE, b'DO 1', 1)
            assert ask_raw(client, COMMAND.COM_STATISTICS, b'', 1)[0].startswith(b'Uptime')
            ask_raw(client, COMMAND.COM_FIELD_LIST, b'wire\0', 2 + 1)
            ask_raw(client, COMMAND.COM_SET_OPTION, b'\0\0', 1)
            with pytest.raises(pymysql.err.OperationalError, match='Unknown command'):
                ask_raw(client, 0x7F, b'', 1)
            assert proxy.status()['exchanges'] == CONNECTED + 17
            become(client, b'tester', b'secret')
            assert ask_raw(client, COMMAND.COM_QUERY, b'SELECT USER()', 4 + ends)[-2].endswith(b'tester@127.0.0.1')
            assert proxy.status()['exchanges'] == CONNECTED + 17 + 2

    def test_who_fails_to_become_somebody_else(self, mariadb: Server) -> None:
        with make_proxy(mariadb, 'delay', sleep=0) as proxy, mysql_client(proxy) as client:
            with pytest.raises(pymysql.err.OperationalError, match='Access denied'):
                become(client, b'nobody')
            assert ask(client, 'SELECT 1') == ((1,),)
            assert proxy.status()['exchanges'] == CONNECTED + 2


def ask_raw(client: Any, command: int, body: bytes, packets: int) -> Sequence[bytes]:
    """Send a command; return the packets of its reply, of which there are exactly so many."""
    client._execute_command(command, body)
    return [client._read_packet()._data for _ in range(packets)]


def execute(client: Any, statement: bytes, cursor: bytes, parameters: bytes, packets: int) -> Sequence[bytes]:
    """Execute a prepared statement, with or without a *cursor* in the server."""
    body = statement + cursor + (1).to_bytes(4, 'little') + parameters
    return ask_raw(client, COMMAND.COM_STMT_EXECUTE, body, packets)


def become(client: Any, user: bytes, password: bytes = b'', database: bytes = b'test') -> None:
    """Change the user: the server asks for the password with a new salt."""
    body = user + b'\0\0' + database + b'\0\x2d\0mysql_native_password\0\0'
    (question,) = ask_raw(client, COMMAND.COM_CHANGE_USER, body, 1)
    assert question.startswith(b'\xfemysql_native_password\0')
    once = sha1(password).digest()
    mask = sha1(question.split(b'\0')[1] + sha1(once).digest()).digest()
    client.write_packet(bytes(mine ^ its for mine, its in zip(once, mask, strict=True)))
    client._read_packet()


class TestError:
    """Tests an ERR packet in place of the reply; the connection closes only after the greeting and the login."""

    @pytest.mark.parametrize(
        ('options', 'kind', 'errno'),
        [
            ({}, pymysql.err.OperationalError, 1205),
            ({'errno': 1062}, pymysql.err.IntegrityError, 1062),
            ({'errno': 1064}, pymysql.err.ProgrammingError, 1064),
            ({'errno': 1213, 'sqlstate': '40001'}, pymysql.err.OperationalError, 1213),
        ],
    )
    def test_number(self, mariadb: Server, options: dict[str, Any], kind: type[Exception], errno: int) -> None:
        with make_proxy(mariadb) as proxy, mysql_client(proxy) as client:
            with proxy.with_behavior('error', **options):
                for act in (client.ping, lambda: ask(client, 'SELECT %s', LARGE), client.commit):
                    with pytest.raises(kind) as caught:
                        act()
                    assert caught.value.args == (errno, 'injected by vaurien')
            assert ask(client, 'SELECT 1') == ((1,),)

    def test_the_file_is_not_asked_for(self, mariadb: Server) -> None:
        with make_proxy(mariadb) as proxy, mysql_client(proxy) as client:
            with proxy.with_behavior('error'), pytest.raises(pymysql.err.OperationalError):
                ask(client, f"LOAD DATA LOCAL INFILE '{__file__}' INTO TABLE nowhere")
            assert ask(client, 'SELECT 1') == ((1,),)

    def test_a_statement_of_several_packets(self, mariadb: Server) -> None:
        """The number of the error's packet depends on how many packets the statement had."""
        with make_proxy(mariadb) as proxy, mysql_client(proxy) as client:
            with proxy.with_behavior('error'):
                assert raised(lambda: ask(client, f"SELECT LENGTH('{HUGE}')")) == RAISES['error']
            assert ask(client, 'SELECT 1') == ((1,),)

    def test_half_of_them(self, mariadb: Server) -> None:
        with make_proxy(mariadb) as proxy, mysql_client(proxy) as client:
            proxy.set_behavior('50:error')
            outcomes = [raised(lambda: ask(client, 'SELECT 1')) for _ in range(40)]
            assert set(outcomes) == {'nothing', RAISES['error']}
            assert proxy.status()['faults'] == {'error': outcomes.count(RAISES['error'])}

    def test_a_server_that_shuts_down_closes(self, mariadb: Server) -> None:
        with make_proxy(mariadb) as proxy, mysql_client(proxy) as client:
            with proxy.with_behavior('error', errno=1053), pytest.raises(pymysql.err.OperationalError) as caught:
                client.ping()
            assert caught.value.args[0] == 1053
            with pytest.raises(pymysql.err.OperationalError) as caught:
                client.ping()
            assert caught.value.args[0] == 2013

    def test_noise(self, mariadb: Server) -> None:
        with make_proxy(mariadb) as proxy, mysql_client(proxy) as client:
            proxy.set_behavior('error', inject=True)
            with pytest.raises(pymysql.err.InternalError, match='sequence number wrong'):
                ask(client, 'SELECT 1')
            with pytest.raises(pymysql.err.InterfaceError):
                ask(client, 'SELECT 1')
            assert proxy.status()['faults'] == {'error': 1}

    def test_to_the_client(self, mariadb: Server) -> None:
        with make_proxy(mariadb) as proxy, proxy.with_behavior('error', warmup=2, errno=1146):
            done = run_client(proxy, 'SELECT 1')
        assert done.returncode == 1
        assert 'ERROR 1146 (42S02) at line 1: injected by vaurien' in done.stderr

    def test_to_who_connects(self, mariadb: Server) -> None:
        with make_proxy(mariadb, 'error') as proxy:
            said = run_client(proxy, 'SELECT 1').stderr
        assert '1040' in said
        assert 'Too many connections' in said


@pytest.mark.parametrize(('behavior', 'rows'), [('error', 0), ('blackout', 0), ('abort', 1)])
def test_whether_it_was_done(mariadb: Server, behavior: str, rows: int) -> None:
    table = f'done_{behavior}'
    with make_proxy(mariadb) as proxy, mysql_client(proxy, autocommit=True) as client:
        ask(client, f'CREATE OR REPLACE TABLE {table} (a longtext)')
        with proxy.with_behavior(behavior), pytest.raises(pymysql.err.OperationalError):
            ask(client, f'INSERT INTO {table} VALUES (%s)', LARGE)
        with mysql_client(proxy) as other:
            assert ask(other, f'SELECT COUNT(*) FROM {table}') == ((rows,),)


def test_late_replies(mariadb: Server) -> None:
    """Replies are held back from their beginning; what asks the client for more is not."""
    with make_proxy(mariadb, 'delay', sleep=0.02, before=False) as proxy, mysql_client(proxy) as client:
        assert ask(client, 'SELECT %s', LARGE) == ((LARGE,),)
        become(client, b'tester', b'secret')
        assert proxy.status()['faults'] == {'delay': CONNECTED + 2}


class TestClient:
    """Tests the client ``mariadb``: results without EOF packets, a dialog to log in, compression."""

    @pytest.mark.parametrize('flags', [[], ['--default-auth=mysql_clear_password']], ids=['plain', 'dialog'])
    def test_statements(self, mariadb: Server, flags: list[str]) -> None:
        with make_proxy(mariadb, 'delay', sleep=0) as proxy:
            done = run_client(proxy, 'SELECT 1; SELECT seq FROM seq_1_to_9 LIMIT 0; SELECT 2', *flags)
            assert (done.stdout, done.returncode) == ('1\n2\n', 0)
            eventually(lambda: proxy.status()['faults'] == {'delay': 2 + 3 + 1})

    def test_compression(self, mariadb: Server, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, 'vaurien')
        with make_proxy(mariadb, 'error', match='SELECT LENGTH*') as proxy:
            assert run_client(proxy, f"SELECT LENGTH('{LARGE[:9999]}')", '--compress').stdout == '9999\n'
        assert 'opaque from here: compression' in caplog.text
        assert 'on links with compression, rules see opaque bytes' in caplog.text


def test_no_secret_in_a_log(mariadb: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with make_proxy(mariadb, 'delay', sleep=0) as proxy, mysql_client(proxy) as client:
        ask(client, f"CREATE OR REPLACE USER secretive IDENTIFIED BY '{SECRET}'")
        ask(client, f"SET PASSWORD FOR secretive = PASSWORD('{SECRET}')")
        with mysql_client(proxy, user='secretive', password=SECRET, database=None):
            pass
        become(client, b'secretive', SECRET.encode(), database=b'')
    assert SECRET not in caplog.text
    assert 'delay on login tester@test' in caplog.text
    assert 'delay on login secretive' in caplog.text
    assert 'delay on CREATE OR REPLACE USER secretive IDENTIFIED\n' in caplog.text
    assert 'delay on CHANGE_USER secretive' in caplog.text


@pytest.mark.parametrize('is_prepared', [False, True])
@pytest.mark.parametrize('count', [3, 1000, 20_000])
def test_an_error_behind_a_row_leaves_nothing(mariadb: Server, count: int, is_prepared: bool) -> None:
    """The end of the statement, which says that it returns rows, may not have been seen."""
    with make_proxy(mariadb) as proxy, mysql_client(proxy, autocommit=True) as client:
        ask(client, 'CREATE TEMPORARY TABLE stored (password int) ENGINE = InnoDB')
        statement = f'INSERT INTO stored (password) VALUES {", ".join(["(1)"] * count)} RETURNING password'
        command, body = COMMAND.COM_QUERY, statement.encode()
        if is_prepared:
            number = ask_raw(client, COMMAND.COM_STMT_PREPARE, body, 1)[0][1:5]
            command, body = COMMAND.COM_STMT_EXECUTE, number + b'\0' + (1).to_bytes(4, 'little')
        proxy.set_behavior('error', match='INSERT*', after='1 row', errno=1317, times=1)
        with pytest.raises(pymysql.err.OperationalError, match='1317'):
            ask_raw(client, command, body, 5)
        assert ask(client, 'SELECT COUNT(*) FROM stored') == ((0,),)
