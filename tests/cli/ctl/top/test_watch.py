"""``vaurienctl top`` on a terminal, in front of a real backend."""

from __future__ import annotations

import re
import signal
import socket
import termios
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.behaviors.waiting import eventually
from tests.cli.asking import done
from tests.commands import SCRIPTS, StartCommand
from tests.peers import Peer
from tests.servers import HOST, Server
from tests.terminal import Terminal
from vaurien.client import Client

TOP = [str(SCRIPTS / 'vaurienctl'), 'top']
KEYS = 'q quit  s sort  / filter  a arm  x disarm  d disable  c cut'

#: What a terminal is told: to show another screen and the one before it; to hide the cursor and to show it.
ENTER, LEAVE = '\x1b[?1049h', '\x1b[?1049l'
HOME = '\x1b[H'
HIDE, SHOW = '\x1b[?25l', '\x1b[?25h'
#: How many lines the terminal has.
LINES = 24
STYLE = re.compile(r'\x1b\[([0-9;]*)m')
RED, YELLOW, MAGENTA = '31', '33', '35'


@contextmanager
def watching(*words: str, columns: int = 80, **environment: str) -> Iterator[Terminal]:
    """A terminal on which it runs, and has drawn something."""
    with Terminal(columns) as terminal:
        terminal.start(*TOP, *words, environment={'NO_COLOR': '', **environment})
        terminal.wait_for(KEYS)
        yield terminal


def see(terminal: Terminal, *texts: str) -> str:
    """Return the first whole picture that has all of these texts."""
    found: list[str] = []

    def look() -> bool:
        pictures = [picture for picture in terminal.text.split(HOME) if picture.count('\n') == LINES - 1]
        found[:] = [picture for picture in pictures if all(text in STYLE.sub('', picture) for text in texts)]
        return bool(found)

    terminal.wait_until(look)
    return found[0]


def press(terminal: Terminal, keys: str, *texts: str) -> str:
    """Type something, and return the first picture from then on that has all of these texts."""
    terminal.shown = b''
    terminal.type(keys)
    return see(terminal, *texts)


def port_of(proxy: Client) -> int:
    return int(proxy.inspect()['listen'].rpartition(':')[2])


def list_styles(shown: str) -> set[str]:
    return {number for style in STYLE.findall(shown) for number in style.split(';')}


def is_as_before(terminal: Terminal) -> bool:
    """Whether the terminal shows what is typed, line by line, and Ctrl-Z is a key of it."""
    mode = termios.tcgetattr(terminal.outside)
    wanted = termios.ECHO | termios.ICANON
    return bool(mode[3] & wanted == wanted and mode[6][termios.VSUSP] == b'\x1a')


class TestShown:
    def test_what_goes_through(self, cache: Client, busy: None) -> None:
        cache.set_behavior('error', match='TTL *')
        with watching() as terminal:
            place = f'cache: {cache.inspect()["listen"]} -> {cache.get_backend()} (redis)'
            see(terminal, 'TTL top:*', 'GET top:*', place, "armed: error(match='TTL *')")

    def test_changes_at_once(self, cache: Client) -> None:
        with watching() as terminal:
            cache.set_behavior('hang')
            see(terminal, 'armed: hang')

    def test_sixty_columns(self, cache: Client, busy: None) -> None:
        with watching(columns=60) as terminal:
            lines = STYLE.sub('', see(terminal, 'GET top:*', KEYS)).splitlines()
        assert [line.split() for line in lines if 'req/s' in line] == [
            ['proxy', 'req/s', 'err/s', 'flt/s', 'p50', 'p99', 'links'],
            ['request', 'req/s', 'err/s', 'cut/s', 'p99'],
        ]
        assert [len(line) for line in lines] == LINES * [60]

    @pytest.mark.slow
    @pytest.mark.parametrize(('behavior', 'colour'), [('error', RED), ('delay(sleep=0.1)', YELLOW), ('abort', MAGENTA)])
    def test_a_colour_means_something(self, cache: Client, busy: None, behavior: str, colour: str) -> None:
        with watching() as terminal:
            cache.set_behavior(behavior)
            terminal.wait_until(lambda: colour in list_styles(terminal.text))

    def test_no_colour(self, cache: Client, busy: None) -> None:
        cache.set_behavior('error', match='TTL *')
        with watching(NO_COLOR='1') as terminal:
            styles = list_styles(see(terminal, 'TTL top:*'))
        assert '1' in styles  # bold is none
        assert styles.isdisjoint({RED, YELLOW, MAGENTA})

    def test_not_a_terminal(self, cache: Client) -> None:
        proxies, _ = done('top').split('\n\n')
        assert proxies.splitlines()[1].split('\t')[:3] == ['cache', 'true', '0']


class TestKeys:
    def test_s_sorts(self, process: Client) -> None:
        with watching() as terminal:
            for order in ('errors', 'faults', 'p99', 'name', 'requests'):
                press(terminal, 's', f'by {order}')

    def test_arrows_select(self, process: Client) -> None:
        for name in ('api', 'db', 'web'):
            process.create_proxy(name, f'{HOST}:0', 'localhost:1')
        with watching() as terminal:
            see(terminal, 'api: ')
            press(terminal, '\x1b[B', 'db: ')
            press(terminal, 'jj', 'web: ')
            press(terminal, '\x1bOA', 'db: ')
            terminal.type('\x1b')
            press(terminal, '[A', 'api: ')

    def test_slash_filters(self, cache: Client, busy: None) -> None:
        with watching() as terminal:
            see(terminal, 'GET top:*', 'TTL top:*')
            assert 'TTL' not in press(terminal, '/gett\x7f *\r', 'only get *', 'GET top:*')
            press(terminal, '/', 'filter: get *_')
            press(terminal, 'x\x1b', 'only get *', KEYS)
            press(terminal, '/' + 5 * '\x7f' + '\r', 'GET top:*', 'TTL top:*')

    def test_what_is_no_pattern_is_said(self, process: Client) -> None:
        with watching('--match', 'GET *') as terminal:
            shown = press(terminal, '/' + 5 * '\x7f' + '/(/\r', 'only GET *', '/(/: ')
            assert RED in list_styles(shown)

    def test_a_arms_again_and_x_disarms(self, cache: Client) -> None:
        with watching() as terminal:
            press(terminal, 'a', 'cache: nothing has been armed yet')
            cache.set_behavior("50:error(match='GET *'),20:hang")
            see(terminal, 'armed: 50:error')
            press(terminal, 'x', 'cache: nothing is armed')
            assert cache.get_behavior() == 'dummy'
            press(terminal, 'a', 'cache: armed 50:error')
            assert cache.get_behavior() == "50:error(match='GET *'),20:hang"

    def test_d_disables_and_enables(self, cache: Client) -> None:
        with watching() as terminal:
            press(terminal, 'd', 'cache: disabled')
            assert not cache.inspect()['enabled']
            terminal.wait_for(', disabled')
            press(terminal, 'd', 'cache: enabled')
            assert cache.inspect()['enabled']

    def test_what_is_rejected_is_said(self, cache: Client) -> None:
        with watching() as terminal:
            cache.disable()
            see(terminal, 'd enable')
            with socket.create_server((HOST, port_of(cache))):
                shown = press(terminal, 'd', 'in use')
            assert RED in list_styles(shown)

    def test_c_cuts(self, cache: Client) -> None:
        with Peer.connect(port_of(cache)) as peer, watching() as terminal:
            peer.send(b'*1\r\n$4\r\nPING\r\n')
            assert peer.recv_exactly(7) == b'+PONG\r\n'
            press(terminal, 'c', 'cache: 1 link cut')
            assert peer.recv() == b''
            press(terminal, 'c', 'cache: 0 links cut')

    def test_they_do_nothing_without_a_proxy(self, process: Client) -> None:
        with watching() as terminal:
            press(terminal, 'axdcjks', 'by errors')


class TestEnds:
    @pytest.mark.parametrize('key', ['q', '\x04'])
    def test_a_key(self, process: Client, key: str) -> None:
        with watching() as terminal:
            assert not is_as_before(terminal)
            terminal.type(key)
            self.check_left(terminal, 0)

    def test_ctrl_c(self, process: Client) -> None:
        with watching() as terminal:
            terminal.type('\x03')
            self.check_left(terminal, 130)

    @pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGHUP])
    def test_a_signal(self, process: Client, number: signal.Signals) -> None:
        with Terminal() as terminal:
            command = terminal.start(*TOP)
            terminal.wait_for(KEYS)
            command.send_signal(number)
            self.check_left(terminal, 128 + number)

    def test_the_process_goes_away(self, vaurien_command: StartCommand, redis_server: Server) -> None:
        command = vaurien_command('--http', '--backend', redis_server.address)
        host = f'{HOST}:{command.control_port}'
        with watching('--host', host) as terminal:
            terminal.wait_until(lambda: terminal.text.count(KEYS) > 1)
            command.kill()
            said = f'vaurienctl: error: cannot reach http://{host}: connection (refused|reset by peer)\n'
            self.check_left(terminal, 1, said)

    def test_ctrl_z_leaves_and_comes_back(self, process: Client) -> None:
        script = f'set -m; {" ".join(TOP)}; echo "stopped $?"; read; fg > /dev/null; echo "ended $?"'
        with Terminal() as terminal:
            terminal.start('/bin/bash', '-c', script)
            terminal.wait_for(KEYS)
            terminal.type('\x1a')
            shown = terminal.wait_for('stopped 148')
            assert shown.index(LEAVE) < shown.index('stopped')
            eventually(lambda: is_as_before(terminal))
            press(terminal, '\r', KEYS)
            assert not is_as_before(terminal)
            terminal.type('q')
            terminal.wait_for('ended 0')

    def test_nothing_is_shown_of_a_process_that_is_not_there(self, process: Client) -> None:
        with Terminal() as terminal:
            terminal.start(*TOP, '--proxy', 'nobody')
            status, shown = terminal.wait()
        assert (status, ENTER in shown) == (2, False)

    def check_left(self, terminal: Terminal, expected: int, said: str = '') -> None:
        status, shown = terminal.wait()
        assert status == expected
        assert (shown.count(ENTER), shown.count(HIDE)) == (shown.count(LEAVE), shown.count(SHOW)) == (1, 1)
        assert re.fullmatch(said, shown.rpartition(LEAVE)[2].replace(SHOW, ''))
        assert is_as_before(terminal)
