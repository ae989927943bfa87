"""``vaurien explore`` where the application speaks TLS: the proxies do, too, and the command trusts them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.commands import call
from tests.servers import Server
from vaurien.cli.explore import main

#: Commands that ask a server of HTTPS, and believe no certificate that they cannot check.
COMMANDS = [
    [sys.executable, '-c', 'import os, urllib.request; urllib.request.urlopen(os.environ["API_URL"] + "/").read()'],
    ['node', '-e', 'fetch(process.env.API_URL + "/").then(reply => reply.text())'],
    ['sh', '-c', 'curl --silent --fail "$API_URL/"'],
]


@pytest.mark.parametrize('command', COMMANDS, ids=['python', 'node', 'curl'])
def test_the_command_trusts_the_proxy(
    https_server: Server, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv('API_URL', f'https://{https_server.address}')
    result = call(main, '--vaurien', 'http:API_URL', '--max', '1', '--', *command)
    assert 'tried 1 of ' in result.stdout, result.stdout + result.stderr
    assert 'GET / ' in result.stdout


POSTGRES = 'import os, psycopg; psycopg.connect(os.environ["DB_URL"]).execute("SELECT 1")'
MYSQL = """
import os
from sqlalchemy import create_engine, text
with create_engine(os.environ['DB_URL']).connect() as connection:
    connection.execute(text('SELECT 1'))
"""


@pytest.mark.parametrize(
    ('query', 'mode'),
    [
        ('?sslmode=require', ''),
        ('?sslmode=verify-full&sslrootcert={ca}&channel_binding=require', ''),
        ('?sslrootcert={ca}', 'verify-full'),
        ('', 'require'),
    ],
)
def test_an_application_reaches_postgres_as_it_always_does(
    secure_postgres: Server, files: Path, monkeypatch: pytest.MonkeyPatch, query: str, mode: str
) -> None:
    query = query.format(ca=files / 'backend.pem')
    monkeypatch.setenv('DB_URL', f'postgresql://tester:secret@{secure_postgres.address}/postgres{query}')
    if mode:
        monkeypatch.setenv('PGSSLMODE', mode)
    result = call(main, '--vaurien', 'postgres:DB_URL', '--max', '1', '--', sys.executable, '-c', POSTGRES)
    assert 'tried 1 of ' in result.stdout, result.stdout + result.stderr
    assert 'SELECT ' in result.stdout


@pytest.mark.parametrize('more', ['', '&ssl_verify_identity=true'])
def test_an_application_reaches_mysql_as_it_always_does(
    secure_mariadb: Server, files: Path, monkeypatch: pytest.MonkeyPatch, more: str
) -> None:
    url = f'mysql+pymysql://tester:secret@{secure_mariadb.address}/test?ssl_ca={files}/backend.pem{more}'
    monkeypatch.setenv('DB_URL', url)
    result = call(main, '--vaurien', 'mysql:DB_URL', '--max', '1', '--', sys.executable, '-c', MYSQL)
    assert 'tried 1 of ' in result.stdout, result.stdout + result.stderr
    assert 'SELECT ' in result.stdout


def test_an_application_that_is_refused_tls_is_told_why(
    secure_postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('DB_URL', f'postgresql://tester:secret@{secure_postgres.address}/postgres')
    asking = POSTGRES.replace('"])', '"], sslmode="require")')
    result = call(main, '--vaurien', 'postgres:DB_URL', '--', sys.executable, '-c', asking)
    assert 'the proxy postgres refuses TLS, for nothing says that it is a must' in result.stdout.replace('\n', ' ')
