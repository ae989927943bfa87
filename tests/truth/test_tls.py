"""What clients say of each fault of TLS: the table of the page ``docs/tls.md``, cell by cell."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from docs.fidelity import Answers
from tests.behaviors.mail import mail_server
from tests.programs import java_command, running
from tests.servers import TIMEOUT, Server
from tests.truth import tls_clients as use
from tests.truth.conftest import Record
from tests.truth.tls_clients import NO_ERROR, WAITS, Client, ask
from vaurien import Proxy

#: What a client says of a fault. ``…`` stands for what differs between runs and versions, and for what is not of
#: interest; so does the end. Of several, later versions say the later ones.
Words = str | tuple[str, ...]
#: The words of each client.
Said = dict[str, Words]

HERE = Path(__file__).parent
#: The clients of HTTPS, and those of databases, by the name of the program or package.
HTTPS = 'openssl', 'curl', 'requests', 'httpx', 'node', 'java'
DRIVERS = 'psycopg', 'pymysql', 'redis'
#: Those that ask for TLS inside the protocol.
ASKING = 'psycopg', 'pymysql', 'smtplib'
PROTOCOLS = {'psycopg': 'postgres', 'pymysql': 'mysql', 'redis': 'redis', 'smtplib': 'smtp'}  # others: http

#: Seconds that clients wait where nothing comes, if it is for them to choose.
SHORT = 0.3


def of_openssl(reason: str, **others: Words) -> Said:
    """Return what clients say that pass on what OpenSSL says; *others* are those that do not."""
    return {
        'openssl': reason,
        'curl': f'(60) … {reason}',
        'requests': f'SSLError: … {reason}',
        'httpx': f'ConnectError: … {reason}',
        'psycopg': f'OperationalError: … {reason}',
        'pymysql': f'OperationalError: (2003, … {reason}',
        'redis': f'ConnectionError: … {reason}',
        **others,
    }


def of_certificate(reason: str, node: Words, java: str, **others: str) -> Said:
    """Return what clients say of a certificate that they do not accept."""
    psycopg = 'OperationalError: … certificate verify failed'
    return of_openssl(reason, **{'psycopg': psycopg, 'node': node, 'java': java, **others})


def of_alert(reason: str, name: str, java: str = 'SSLHandshakeException') -> Said:
    """Return what clients say of an alert."""
    java = f'{java}: … Received fatal alert: {name}'
    return of_openssl(reason, openssl=f'… {reason}', curl=f'(35) … {reason}', node=f'EPROTO: … {reason}', java=java)


EOF = of_openssl(
    'EOF occurred in violation of protocol',
    openssl='unexpected eof while reading',
    curl=('(35) … SSL_ERROR_SYSCALL', '(35) … unexpected eof while reading'),
    node='ECONNRESET: Client network socket disconnected before secure TLS connection was established',
    java='SSLHandshakeException: Remote host terminated the handshake',
    psycopg='OperationalError: … unexpected eof while reading',
)
TIMED_OUT: Said = {
    'openssl': WAITS,
    'curl': '(28) … timed out',
    'requests': 'ReadTimeout: … Read timed out',
    'httpx': 'ConnectTimeout: … The handshake operation timed out',
    'node': 'event: timeout',
    'java': 'HttpConnectTimeoutException: HTTP connect timed out',
    'psycopg': 'ConnectionTimeout: connection timeout expired',
    'pymysql': 'OperationalError: (2003, … The handshake operation timed out',
    'redis': 'TimeoutError: Timeout connecting to server',
}
LOST: Said = {
    'psycopg': 'OperationalError: … server closed the connection unexpectedly',
    'pymysql': 'OperationalError: (2013, … Lost connection to MySQL server during query',
    'redis': 'ConnectionError: Connection closed by server',
}
INVALID = 'SSLHandshakeException: … validity check failed'
NO_PATH = 'SSLHandshakeException: … unable to find valid certification path'

FAULTS: dict[str, Said] = {
    'certificate(problem=expired)': of_certificate('certificate has expired', 'CERT_HAS_EXPIRED', INVALID),
    'certificate(problem=not-yet-valid)': of_certificate('certificate is not yet valid', 'CERT_NOT_YET_VALID', INVALID),
    'certificate(problem=wrong-host)': of_certificate(
        "Hostname mismatch, certificate is not valid for 'localhost'",
        'ERR_TLS_CERT_ALTNAME_INVALID',
        'SSLHandshakeException: … No subject alternative DNS name matching localhost found',
        openssl='hostname mismatch',
        curl='(60) SSL: no alternative certificate subject name matches target host',
        psycopg='OperationalError: … does not match host name "localhost"',
    ),
    'certificate(problem=self-signed)': of_certificate(
        'self-signed certificate', 'DEPTH_ZERO_SELF_SIGNED_CERT', NO_PATH
    ),
    'certificate(problem=unknown-ca)': of_certificate(
        'unable to get local issuer certificate', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', NO_PATH
    ),
    'certificate(problem=incomplete-chain)': of_certificate(
        'unable to get local issuer certificate', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', NO_PATH
    ),
    'certificate(problem=weak-key)': of_certificate(
        'EE certificate key too weak', (NO_ERROR, 'UNSPECIFIED: EE certificate key too weak'), NO_ERROR
    ),
    'error(alert=handshake_failure)': of_alert('alert handshake failure', 'handshake_failure'),
    'error(alert=protocol_version)': of_alert('alert protocol version', 'protocol_version'),
    'error(alert=unrecognized_name)': of_alert('unrecognized name', 'unrecognized_name'),
    'error(alert=internal_error)': of_alert('alert internal error', 'internal_error', 'SSLException'),
    'error(alert=access_denied)': of_alert('alert access denied', 'access_denied'),
    'error(alert=no_application_protocol)': of_alert('alert no application protocol', 'no_application_protocol'),
    "error(match='TLS *', plain=true)": of_openssl(
        'wrong version number',
        curl='(35) … wrong version number',
        node='EPROTO: … wrong version number',
        java='SSLException: Unrecognized SSL message, plaintext connection?',
    ),
    'hang(after=client_hello)': TIMED_OUT,
    'hang(after=server_hello)': TIMED_OUT,
    'hang(after=certificate)': TIMED_OUT,
    "delay(match='TLS *', sleep=60)": TIMED_OUT,
    'abort(after=client_hello)': EOF,
    'abort(after=server_hello)': EOF,
    'abort(after=certificate)': EOF,
    "blackout(match='TLS *')": EOF,
    'abort(tls=truncate)': {
        'openssl': 'unexpected eof while reading',
        **dict.fromkeys(HTTPS[1:], NO_ERROR),
        'curl': (NO_ERROR, '(56) … unexpected eof while reading'),
    },
    'abort(tls=half-record)': {
        'openssl': 'unexpected eof while reading',
        'curl': ('(52) Empty reply from server', '(56) … unexpected eof while reading'),
        'requests': 'ConnectionError: … RemoteDisconnected',
        'httpx': 'RemoteProtocolError: Server disconnected without sending a response',
        'node': 'ECONNRESET: socket hang up',
        'java': 'IOException: HTTP/1.1 header parser received no bytes',
    },
    'abort(tls=bad-mac)': {
        'openssl': 'decryption failed or bad record mac',
        'curl': '(56) … decryption failed or bad record mac',
        'requests': ('SSLError: … decryption failed or bad record mac', 'SSLError: … record layer failure'),
        'httpx': ('ReadError: … decryption failed or bad record mac', 'ReadError: … record layer failure'),
        'node': 'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC',
        'java': 'IOException: HTTP/1.1 header parser received no bytes',
    },
    # The drivers' last request.
    "abort(match='/^(SELECT|PING)/', tls=truncate)": dict.fromkeys(DRIVERS, NO_ERROR),
    "abort(match='/^(SELECT|PING)/', tls=half-record)": {
        **LOST,
        'psycopg': 'OperationalError: … unexpected eof while reading',
    },
    "abort(match='/^(SELECT|PING)/', tls=bad-mac)": {
        'psycopg': 'OperationalError: … decryption failed or bad record mac',
        'pymysql': LOST['pymysql'],
        'redis': ('ConnectionError: … decryption failed or bad record mac', 'ConnectionError: … record layer failure'),
    },
}
#: PyMySQL begins the handshake at once, so it is chance how it learns that the connection has ended.
NOT_MYSQL = 'OperationalError: (2003, "Can\'t connect to MySQL server'
#: Faults of the request for TLS.
REQUESTS: dict[str, Said] = {
    'error(match=SSLRequest)': {
        'psycopg': 'OperationalError: … server does not support SSL, but SSL was required',
        'pymysql': NOT_MYSQL,
    },
    'error(match=STARTTLS)': {'smtplib': 'SMTPResponseException: (454'},
    'hang(match=SSLRequest)': {'psycopg': TIMED_OUT['psycopg'], 'pymysql': TIMED_OUT['pymysql']},
    'hang(match=STARTTLS)': {'smtplib': 'SMTPServerDisconnected: Connection unexpectedly closed: timed out'},
    'abort(match=SSLRequest)': {'psycopg': LOST['psycopg'], 'pymysql': NOT_MYSQL},
    'abort(match=STARTTLS)': {'smtplib': 'SMTPServerDisconnected: Connection unexpectedly closed'},
}
#: What they say with ``--tls refuse``.
REFUSED: Said = {
    'psycopg': 'OperationalError: … server does not support SSL, but SSL was required',
    'pymysql': 'OperationalError: (2026, … SSL is required',
    'smtplib': 'SMTPNotSupportedError: STARTTLS extension not supported by server',
}


@pytest.fixture(scope='module')
def proxies(nginx: Server, redis_server: Server, mariadb: Server, postgres: Server) -> Iterator[dict[str, Proxy]]:
    """Give a proxy that speaks TLS with its clients for each protocol."""
    backends = {'http': nginx, 'redis': redis_server, 'mysql': mariadb, 'postgres': postgres}
    with ExitStack() as stack:
        mail = stack.enter_context(mail_server())
        addresses = {protocol: backend.address for protocol, backend in backends.items()} | {'smtp': mail.address}
        yield {
            protocol: stack.enter_context(Proxy(address, protocol, proxy_tls='auto'))
            for protocol, address in addresses.items()
        }


@pytest.fixture(scope='module')
def clients(proxies: dict[str, Proxy]) -> Iterator[dict[str, Client]]:
    """Give all clients, each by the name of its program or package."""
    authority = str(proxies['http'].ca_file)
    with (
        running(['node', str(HERE / 'node' / 'https.js'), authority], HERE) as with_node,
        running([*java_command(), str(HERE / 'java' / 'Https.java'), authority], HERE) as with_java,
    ):
        yield {
            'openssl': use.use_openssl,
            'curl': use.use_curl,
            'requests': use.use_requests,
            'httpx': use.use_httpx,
            'node': use.of_program(with_node),
            'java': use.of_program(with_java),
            'psycopg': use.use_psycopg,
            'pymysql': use.use_pymysql,
            'redis': use.use_redis,
            'smtplib': use.use_smtplib,
        }


def check(fault: str, wanted: Said, clients: dict[str, Client], proxies: dict[str, Proxy]) -> None:
    """Have all clients that are *wanted* meet the fault, and compare what they say."""
    for proxy in proxies.values():
        proxy.set_behavior(fault)
        proxy.clear_faults()
    is_silent = fault.startswith(('hang', 'delay'))
    compare(wanted, clients, proxies, SHORT if is_silent else TIMEOUT)
    if not is_silent:  # else the program may have given up before it connects
        assert sum(len(proxy.faults()) for proxy in proxies.values()) >= len(wanted)


def compare(wanted: Said, clients: dict[str, Client], proxies: dict[str, Proxy], timeout: float = TIMEOUT) -> None:
    """Have all clients that are *wanted* connect at once, and compare what they say."""
    with ThreadPoolExecutor(len(wanted)) as pool:
        asked = {}
        for name in wanted:
            proxy = proxies[PROTOCOLS.get(name, 'http')]
            asked[name] = pool.submit(ask, clients[name], proxy.address.port, Path(proxy.ca_file), timeout)
    told = {name: future.result() for name, future in asked.items()}
    assert {name: said for name, said in told.items() if not any(fits(said, one) for one in split(wanted[name]))} == {}


def split(words: Words) -> tuple[str, ...]:
    """Return what earlier and later versions say; all say the same if it is one."""
    return (words,) if isinstance(words, str) else words


def fits(said: str, wanted: str) -> bool:
    """Tell whether a client says what is wanted of it."""
    pattern = '.*'.join(re.escape(part.strip()) for part in wanted.split('…'))
    return re.match(pattern, said, re.DOTALL) is not None


def make_row(table: str, fault: str, said: Said, clients: Sequence[str]) -> Answers:
    """Return a row of the page, with these clients. Only what clients say is written as code."""
    plain = NO_ERROR, WAITS, ''
    cells = {
        client: ', later '.join(words if words in plain else f'`{words}`' for words in split(said.get(client, '')))
        for client in clients
    }
    return Answers(table, f'`{fault}`', cells)


@pytest.mark.parametrize('fault', FAULTS)
def test_a_fault_of_tls(fault: str, clients: dict[str, Client], proxies: dict[str, Proxy], record: Record) -> None:
    check(fault, FAULTS[fault], clients, proxies)
    for table, names in (('https', HTTPS), ('drivers', DRIVERS)):
        if set(names) <= FAULTS[fault].keys():
            record(make_row(table, fault, FAULTS[fault], names))


@pytest.mark.parametrize('fault', REQUESTS)
def test_a_fault_of_the_request_for_tls(
    fault: str, clients: dict[str, Client], proxies: dict[str, Proxy], record: Record
) -> None:
    check(fault, REQUESTS[fault], clients, proxies)
    record(make_row('request', fault, REQUESTS[fault], ASKING))


def test_tls_is_refused(clients: dict[str, Client], proxies: dict[str, Proxy], record: Record) -> None:
    with ExitStack() as stack:
        refusing = {
            protocol: stack.enter_context(
                Proxy(proxies[protocol].backend, protocol, tls='refuse', tls_ca_file=proxies[protocol].ca_file)
            )
            for protocol in ('postgres', 'mysql', 'smtp')
        }
        compare(REFUSED, clients, refusing)
    record(make_row('request', '--tls refuse', REFUSED, ASKING))
