"""What clients call themselves: told whole, byte by byte, and behind other requests."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tests.protocols import feeding
from vaurien.framing.head import TEXT_MAX
from vaurien.protocols.base import BaseProtocol
from vaurien.protocols.http import HTTP
from vaurien.protocols.memcache import Memcache
from vaurien.protocols.mysql import MySQL
from vaurien.protocols.mysql.login import (
    CLIENT_CONNECT_ATTRS,
    CLIENT_CONNECT_WITH_DB,
    CLIENT_PLUGIN_AUTH,
    CLIENT_PLUGIN_AUTH_LENENC,
    CLIENT_PROTOCOL_41,
    CLIENT_SECURE_CONNECTION,
)
from vaurien.protocols.postgres import Postgres
from vaurien.protocols.postgres.messages import VERSION
from vaurien.protocols.redis import Redis
from vaurien.protocols.smtp import SMTP
from vaurien.protocols.tcp import TCP


def command(*words: bytes) -> bytes:
    return b'*%d\r\n' % len(words) + b''.join(b'$%d\r\n%s\r\n' % (len(word), word) for word in words)


def tell(protocol: BaseProtocol, told: bytes) -> list[str]:
    """Return the name after *told* has come whole, and the one of another link, to which it came byte by byte."""
    names = []
    for pieces in ([told], [told[i : i + 1] for i in range(len(told))]):
        fed = type(protocol)()
        feeding.upstream(fed, pieces)
        names.append(fed.client_name(b''))
    return names


@pytest.mark.parametrize('kind', [Redis, Postgres, MySQL, HTTP])
def test_they_have_none_at_first(kind: type[BaseProtocol]) -> None:
    assert kind.names_clients
    assert kind().client_name(b'') == ''


@pytest.mark.parametrize('kind', [TCP, SMTP, Memcache])
def test_protocols_in_which_they_have_none(kind: type[BaseProtocol]) -> None:
    assert not kind.names_clients


PING = command(b'PING')
SETNAME = command(b'CLIENT', b'SETNAME', b'worker-1')


@pytest.mark.parametrize(
    ('told', 'name'),
    [
        (SETNAME, 'worker-1'),
        (PING + SETNAME + PING, 'worker-1'),
        (b'client setname worker-1\r\n', 'worker-1'),
        (SETNAME + command(b'CLIENT', b'SETNAME', b''), ''),
        (SETNAME + command(b'CLIENT', b'SETNAME', b'worker-2'), 'worker-2'),
        (SETNAME + command(b'CLIENT', b'SETINFO', b'LIB-NAME', b'x'), 'worker-1'),
        (SETNAME + command(b'RESET'), ''),
        (command(b'HELLO', b'3', b'SETNAME', b'worker-1'), 'worker-1'),
        (command(b'HELLO', b'3', b'AUTH', b'setname', b'SETNAME', b'setname', b'worker-1'), 'worker-1'),
        (command(b'HELLO', b'3', b'setname', b'worker-1', b'AUTH', b'default', b'secret'), 'worker-1'),
        (SETNAME + command(b'HELLO', b'3'), 'worker-1'),
        (command(b'HELLO', b'3', b'SETNAME') + PING, ''),
        (command(b'CLIENT', b'SETNAME', b'\xff'), '\\xff'),
        (command(b'CLIENT', b'SETNAME', b'x' * 300), 'x' * TEXT_MAX),
    ],
)
def test_redis(told: bytes, name: str) -> None:
    assert tell(Redis(), told) == [name, name]


def start(*fields: bytes) -> bytes:
    body = (VERSION << 16).to_bytes(4, 'big') + b''.join(field + b'\0' for field in fields) + b'\0'
    return (4 + len(body)).to_bytes(4, 'big') + body


@pytest.mark.parametrize(
    ('told', 'name'),
    [
        (start(b'user', b'ada', b'application_name', b'worker-1', b'database', b'test'), 'worker-1'),
        (start(b'user', b'application_name', b'application_name', b''), ''),
        (start(b'user', b'ada'), ''),
    ],
)
def test_postgres(told: bytes, name: str) -> None:
    assert tell(Postgres(), told) == [name, name]


def text(data: bytes) -> bytes:
    return bytes([len(data)]) + data


def login(flags: int, rest: bytes) -> bytes:
    packet = (flags | CLIENT_PROTOCOL_41 | 1).to_bytes(4, 'little') + bytes(28) + b'ada\0' + rest
    return len(packet).to_bytes(3, 'little') + b'\1' + packet


ATTRIBUTES = text(b''.join(map(text, [b'_pid', b'7', b'program_name', b'worker-1', b'x', b'y'])))
SECRET, METHOD = text(b'secret\0bytes'), b'mysql_native_password\0'


@pytest.mark.parametrize(
    ('flags', 'rest', 'name'),
    [
        (
            CLIENT_CONNECT_ATTRS | CLIENT_CONNECT_WITH_DB | CLIENT_PLUGIN_AUTH | CLIENT_PLUGIN_AUTH_LENENC,
            SECRET + b'test\0' + METHOD + ATTRIBUTES,
            'worker-1',
        ),
        (
            CLIENT_CONNECT_ATTRS | CLIENT_PLUGIN_AUTH | CLIENT_SECURE_CONNECTION,
            SECRET + METHOD + ATTRIBUTES,
            'worker-1',
        ),
        (CLIENT_CONNECT_ATTRS, b'secret\0' + ATTRIBUTES, 'worker-1'),
        (CLIENT_CONNECT_ATTRS, b'secret\0', ''),
        (CLIENT_CONNECT_ATTRS, b'secret\0' + text(text(b'program_name')), ''),
        (CLIENT_CONNECT_ATTRS | CLIENT_PLUGIN_AUTH_LENENC, b'', ''),
        (CLIENT_CONNECT_ATTRS, b'secret\0' + b'\xfd\x09\x09\x00' + text(b'a') + b'\xfd\x00\x09\x00' + b'x' * 2000, ''),
        (0, b'secret\0' + ATTRIBUTES, ''),
    ],
)
def test_mysql(flags: int, rest: bytes, name: str) -> None:
    assert tell(MySQL(), login(flags, rest)) == [name, name]


@pytest.mark.parametrize(
    ('request_', 'name'),
    [
        (b'GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: worker-1\r\n\r\n', 'worker-1'),
        (b'GET / HTTP/1.1\r\nuser-agent:\tworker-1 \r\nUser-Agent: b\r\n\r\n', 'worker-1'),
        (b'POST / HTTP/1.1\r\nX-User-Agent: a\r\n\r\nx\r\nUser-Agent: b\r\n\r\n', ''),
        (b'GET /?User-Agent:x HTTP/1.1\r\n\r\n', ''),
    ],
)
def test_http_tells_it_with_each_request(request_: bytes, name: str) -> None:
    assert HTTP().client_name(request_) == name


@given(st.integers(0, 2**32 - 1), st.binary(max_size=200))
def test_any_login_of_mysql(flags: int, rest: bytes) -> None:
    first, second = tell(MySQL(), login(flags, rest))
    assert first == second


@given(st.sampled_from([Redis, Postgres, MySQL, HTTP]), st.binary(max_size=100))
def test_any_request(kind: type[BaseProtocol], data: bytes) -> None:
    """Whatever it is: a client has a name or none, and a request asks for faults or does not."""
    protocol = kind()
    for request in (data, b'\n'.join([b'GET / HTTP/1.1', data]), b'Q\0\0\0\x7f/* vaurien:' + data + b'*/'):
        assert isinstance(protocol.client_name(request), str)
        assert isinstance(protocol.find_asked(request), str)
