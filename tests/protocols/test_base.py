"""What every protocol is held to, and what the base class does."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import vaurien.framing
import vaurien.protocols
from vaurien.protocols import Protocol
from vaurien.protocols.base import (
    NOTHING,
    BaseProtocol,
)
from vaurien.protocols.http import HTTP

NAMES = ['http', 'memcache', 'mysql', 'postgres', 'redis', 'smtp', 'tcp']
SANS_IO = sorted(path for room in (vaurien.protocols, vaurien.framing) for path in Path(room.__path__[0]).rglob('*.py'))
OF_THE_WORLD = {'socket', 'select', 'selectors', 'ssl', 'gevent', 'asyncio', 'threading', 'time', 'datetime'}


@pytest.mark.parametrize('path', SANS_IO, ids=lambda path: '/'.join(path.parts[-2:]))
def test_protocols_are_sans_io(path: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition('.')[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or '').partition('.')[0])
    assert not imported & OF_THE_WORLD


def test_every_protocol_is_where_its_name_says() -> None:
    assert set(NAMES) <= set(Protocol.names())
    for name in NAMES:
        assert Protocol.get(name).name == name
        assert Protocol.get(name).__module__ == f'vaurien.protocols.{name}'


@pytest.mark.parametrize('name', NAMES)
def test_contract(name: str) -> None:
    protocol = Protocol.get(name)()
    protocol.begin_fault(b'', 'seed')
    assert Protocol.get(name).__doc__
    assert protocol.is_opaque == (name == 'tcp')
    assert not protocol.opaque
    assert protocol.end_upstream() == b''
    assert list(protocol.end_downstream()) == []
    protocol.withdraw()
    assert protocol.error().data
    assert not protocol.handles()
    assert isinstance(protocol.describe(b''), str)


def test_base_lets_everything_pass() -> None:
    protocol = BaseProtocol()
    protocol.begin_fault(b'', 'seed')
    data = b'anything'
    assert protocol.feed_upstream(data) == (data, NOTHING)
    assert protocol.feed_downstream(data) is NOTHING
    assert protocol.describe(data) == '8 bytes'
    assert protocol.describes_itself(data)
    assert len(protocol.error().data) == 1000


def test_where_texts_are_alike_on_all_links() -> None:
    class Counting(HTTP):
        def describe(self, request: bytes) -> str:
            return f'{super().describe(request)}, from here'

    assert [name for name in NAMES if Protocol.get(name).has_texts_alike()] == ['http', 'memcache', 'redis']
    assert not Counting.has_texts_alike()
    assert not BaseProtocol.has_texts_alike()


def test_chance_is_that_of_the_fault() -> None:
    protocol = BaseProtocol()
    protocol.begin_fault(b'request', 'seed')
    assert protocol.request == b'request'
    errors = [protocol.error(), protocol.error()]
    assert errors[0] != errors[1]
    protocol.begin_fault(b'request', 'seed')
    assert [protocol.error(), protocol.error()] == errors
    protocol.begin_fault(b'request', 'another seed')
    assert protocol.error() != errors[0]


def test_what_is_skipped_is_accounted_for() -> None:
    protocol = BaseProtocol()
    protocol.upstream_body, protocol.downstream_body = 10, 20
    protocol.skip_upstream(3)
    protocol.skip_downstream(4)
    assert (protocol.upstream_body, protocol.downstream_body) == (7, 16)
