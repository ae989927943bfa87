"""The status: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import re
from contextlib import closing
from io import StringIO

from tests.peers import RawBackend
from tests.servers import HOST
from tests.tcpgoon.dialing import target
from tests.tcpgoon.processes import on_a_terminal, read_statuses
from tests.terminal import ESCAPE
from vaurien.tcpgoon.dialer import Dialer
from vaurien.tcpgoon.display import PlainLines
from vaurien.tcpgoon.handshake import Recipe
from vaurien.tcpgoon.settings import Settings


def pictures(shown: str) -> list[str]:
    """Return what the line showed, one picture after the other."""
    return [ESCAPE.sub('', text).strip() for text in shown.replace('\n', '\r').split('\r')]


def test_a_bar_a_rate_and_counts_on_one_line(holder: RawBackend) -> None:
    with on_a_terminal('-y', '-c', '60', '--rate', '100', HOST, str(holder.port)) as terminal:
        status, shown = terminal.wait()
    assert status == 0
    before, _, after = shown.partition('---')
    drawn = [picture for picture in pictures(before) if picture]
    pattern = r'[━╸╺]+ \d+/60 \d+/s  dialing \d+, established \d+, closed 0, error 0'
    assert all(re.fullmatch(pattern, picture) for picture in drawn)
    assert len(drawn) >= 3
    assert any(re.search(r' [1-9]\d*/s ', picture) for picture in drawn)
    assert before.count('\n') <= 1  # it stays where it is
    assert max(map(len, drawn)) <= 80
    assert read_statuses(f'---{after}')[-1]['established'] == 60
    assert shown.index('\x1b[?25l') < shown.index('\x1b[?25h')  # the cursor is back


def test_it_tells_how_long_it_holds(holder: RawBackend) -> None:
    with on_a_terminal('-y', '-c', '5', '-s', '0', '--hold', '0.5', HOST, str(holder.port)) as terminal:
        _, shown = terminal.wait()
    assert re.search(r'holding for \d s more  established 5, closed 0, error 0', ESCAPE.sub('', shown))


def test_ctrl_c(holder: RawBackend) -> None:
    with on_a_terminal('-y', '-c', '1000', '-s', '50', HOST, str(holder.port)) as terminal:
        terminal.wait_for('established 1')
        terminal.type('\x03')
        status, shown = terminal.wait()
    assert status == 130
    assert 'Traceback' not in shown
    assert shown.index('\x1b[?25h') < shown.index('tcp test statistics')
    assert read_statuses(ESCAPE.sub('', shown))[-1]['not_initiated'] > 0


def test_nothing_is_said_twice(holder: RawBackend) -> None:
    stream = StringIO()
    with closing(Dialer(Recipe(target(holder.port), None, b'', b''), Settings(connections=3))) as dialer:
        lines = PlainLines(dialer, 0, stream)
        lines.begin()
        lines.end()
        assert len(read_statuses(stream.getvalue())) == 1
        dialer.record.on_dialing()
        lines.end()
        assert len(read_statuses(stream.getvalue())) == 2


def test_plain_lines_with_debugging(holder: RawBackend) -> None:
    with on_a_terminal('-y', '-v', '-c', '2', HOST, str(holder.port)) as terminal:
        _, shown = terminal.wait()
    assert '\x1b' not in shown
    assert 'DEBUG connection 2: dialing' in shown
    assert read_statuses(shown)[0]['not_initiated'] == 2
