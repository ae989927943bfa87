"""Clients of TLS, which say what went wrong: programs, libraries for HTTP, and drivers."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from smtplib import SMTPException
from ssl import create_default_context

import httpx
import psycopg
import pymysql
import redis
import requests
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.behaviors.mail import mail_client
from tests.programs import Program
from tests.servers import HOST, TIMEOUT, command_path

#: Connects to a port of ``localhost``, trusts the authority in a file, waits for so many seconds, and asks for
#: something. It returns what it says of an error, or raises it; it returns nothing if there is none.
Client = Callable[[int, Path, float], str]

#: What `ask` returns where there is no error, and what a program without a time-out does.
NO_ERROR, WAITS = 'no error', 'it waits'

#: A page that ends where the connection does.
PAGE = '/until-close'
REQUEST = f'GET {PAGE} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'.encode()
#: Where the command of OpenSSL says what is wrong.
REASON = re.compile(r'verify error:num=\d+:(.*)|:error:[0-9A-F]{8}:[^:]*:[^:]*:([^:]*)')


def ask(client: Client, port: int, authority: Path, timeout: float) -> str:
    """Return what a client says."""
    try:
        return client(port, authority, timeout) or NO_ERROR
    except (OSError, httpx.HTTPError, psycopg.Error, pymysql.Error, redis.RedisError, SMTPException) as error:
        return f'{type(error).__name__}: {error}'


def use_openssl(port: int, authority: Path, timeout: float) -> str:
    """Use ``openssl s_client``, which has no time-out."""
    command = [command_path('openssl'), 's_client', '-quiet', '-4', '-connect', f'localhost:{port}']
    command += ['-verify_hostname', 'localhost', '-verify_return_error', '-CAfile', str(authority)]
    try:
        done = subprocess.run(command, input=REQUEST, capture_output=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        return WAITS
    said = done.stderr.decode()
    if found := REASON.search(said):
        return found[1] or found[2]
    return f'({done.returncode}) {said}' if done.returncode else ''


def use_curl(port: int, authority: Path, timeout: float) -> str:
    """Use ``curl``, whose message begins with its exit status."""
    command = [command_path('curl'), '-q', '-sS', '-4', '-o', '/dev/null', '--noproxy', '*']
    command += ['--max-time', str(timeout), '--cacert', str(authority), f'https://localhost:{port}{PAGE}']
    return subprocess.run(command, capture_output=True, text=True).stderr.removeprefix('curl: ')


def use_requests(port: int, authority: Path, timeout: float) -> str:
    with requests.Session() as session:
        session.trust_env = False
        session.get(f'https://localhost:{port}{PAGE}', verify=str(authority), timeout=timeout)
    return ''


def use_httpx(port: int, authority: Path, timeout: float) -> str:
    context = create_default_context(cafile=str(authority))
    with httpx.Client(verify=context, timeout=timeout, trust_env=False) as client:
        client.get(f'https://localhost:{port}{PAGE}')
    return ''


def use_psycopg(port: int, authority: Path, timeout: float) -> str:
    """Use psycopg, whose time-out is two seconds or more."""
    with psycopg.connect(
        host='localhost',
        hostaddr=HOST,
        port=port,
        user='tester',
        password='secret',  # of the tests
        dbname='postgres',
        sslmode='verify-full',
        sslrootcert=str(authority),
        connect_timeout=max(2, int(timeout)),
        autocommit=True,
    ) as connection:
        connection.execute('SELECT 1')
    return ''


def use_pymysql(port: int, authority: Path, timeout: float) -> str:
    """Use PyMySQL. What it calls the time-out of writing is also that of the handshake."""
    with (
        pymysql.connect(
            host='localhost',
            port=port,
            user='tester',
            password='secret',  # of the tests
            ssl_ca=str(authority),
            ssl_verify_cert=True,
            ssl_verify_identity=True,
            connect_timeout=TIMEOUT,
            read_timeout=TIMEOUT,
            write_timeout=timeout,
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute('SELECT 1')
    return ''


def use_redis(port: int, authority: Path, timeout: float) -> str:
    with redis.Redis(
        'localhost',
        port,
        ssl=True,
        ssl_ca_certs=str(authority),
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 0),
    ) as client:
        client.ping()
    return ''


def use_smtplib(port: int, authority: Path, timeout: float) -> str:
    with mail_client(port) as client:
        assert client.sock is not None
        client.sock.settimeout(timeout)
        client.starttls(context=create_default_context(cafile=str(authority)))
    return ''


def of_program(program: Program) -> Client:
    """Return what asks a program that is running."""
    return lambda port, authority, timeout: str(program.ask(port=port, timeout=round(timeout * 1000)))
