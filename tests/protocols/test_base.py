"""What every protocol is held to, and what protocols are made of."""

from __future__ import annotations

import ast
from collections import deque
from pathlib import Path

import pytest

import vaurien.framing
import vaurien.protocols
from vaurien.framing.lines import Lines
from vaurien.protocols import Protocol
from vaurien.protocols.base import (
    END,
    GREETING,
    HEAD,
    INTERIM,
    LAST_OPENING,
    MAX_HEAD,
    NOTHING,
    OPAQUE,
    PROMPT,
    REPLY,
    REQUEST,
    UNANSWERED,
    BaseProtocol,
)

NAMES = ['http', 'memcache', 'mysql', 'postgres', 'redis', 'smtp', 'tcp']
KINDS = [HEAD, REQUEST, END, UNANSWERED, REPLY, INTERIM, PROMPT, GREETING, OPAQUE]

FOLDER = Path(vaurien.protocols.__file__).parent
SANS_IO = sorted([*FOLDER.glob('*.py'), *Path(vaurien.framing.__file__).parent.glob('*.py')])
OF_THE_WORLD = {'socket', 'select', 'selectors', 'ssl', 'gevent', 'asyncio', 'threading', 'time', 'datetime'}


@pytest.mark.parametrize('path', SANS_IO, ids=lambda path: path.name)
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


def test_kinds_of_marks_that_open_an_exchange() -> None:
    assert [kind for kind in KINDS if kind <= LAST_OPENING] == [HEAD, REQUEST]
    assert len(set(KINDS)) == len(KINDS)
    assert 0 not in KINDS  # protocols write it for no mark at all


class TestLines:
    def test_whole(self) -> None:
        assert Lines().line(b'..one\r\ntwo', 2) == (b'one', 7)

    def test_cut_anywhere(self) -> None:
        data = b'one\r\n.'
        for place in range(1, 5):
            lines = Lines()
            assert lines.line(data[:place], 0) == (None, place)
            assert lines.line(data[place:], 0) == (b'one', 5 - place)
            assert lines.kept == b''

    @pytest.mark.parametrize('step', [1, 1000, MAX_HEAD, 3 * MAX_HEAD])
    def test_longest(self, step: int) -> None:
        data = b'x' * MAX_HEAD + b'\r\n'
        lines = Lines()
        found: bytes | None = None
        for i in range(0, len(data), step):
            found, _ = lines.line(data[i : i + step], 0)
        assert found == data[:-2]

    @pytest.mark.parametrize('step', [1, 1000, MAX_HEAD, 3 * MAX_HEAD])
    def test_too_long(self, step: int) -> None:
        data = b'x' * (MAX_HEAD + 1) + b'\r\n'
        lines = Lines()
        pieces = [data[i : i + step] for i in range(0, len(data), step)]
        with pytest.raises(ValueError, match='more than 65536 bytes'):
            deque((lines.line(piece, 0) for piece in pieces), maxlen=0)
        assert len(lines.kept) <= MAX_HEAD + 1

    def test_stretch(self) -> None:
        lines = Lines()
        lines.left = 10
        assert lines.stretch(b'12345', 1) == 5
        assert lines.left == 6
        lines.left = 2
        assert lines.stretch(b'12345', 0) == 2
        assert lines.left == 0
