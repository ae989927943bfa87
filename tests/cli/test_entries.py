"""Ctrl-C while a command is still being imported: it ends as it does later, and says nothing."""

from __future__ import annotations

import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

from tests.servers import TIMEOUT
from vaurien.cli import entries

WITH_LOCUST = pytest.mark.skipif(sys.version_info < (3, 11), reason='Locust is for Python 3.11 and later')
#: Runs a command in whose imports Ctrl-C is pressed: when the module of that name is looked for.
CODE = """\
import os, signal, sys, time

class Attribute:
    def __set_name__(self, owner, name):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0)  # in which a signal is handled

class Presser:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            type('Owner', (), {'attribute': Attribute()})

entry, module, *sys.argv[1:] = sys.argv[1:]
signal.signal(signal.SIGINT, signal.SIG_IGN if entry == 'ignoring' else signal.default_int_handler)
sys.meta_path.insert(0, Presser())
from vaurien.cli import entries
sys.exit(getattr(entries, 'vaurien' if entry == 'ignoring' else entry)())
"""


def press(entry: str, module: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command, press Ctrl-C when *module* is imported, and return what has become of it."""
    command = [sys.executable, '-c', CODE, entry, module, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize('module', ['vaurien.errors', 'msgspec'])
@pytest.mark.parametrize(
    'entry', ['vaurien', 'vaurienctl', 'conntest', 'tcpgoon', 'loads_runner', 'loads_agent', 'loads_broker']
)
def test_nothing_is_said_of_imports(entry: str, module: str) -> None:
    done = press(entry, module, '--help')
    assert (done.returncode, done.stdout, done.stderr) == (130, '', '')


@pytest.mark.parametrize(
    ('entry', 'words', 'module'),
    [
        ('vaurien', '--proxy 127.0.0.1:0', 'gevent.monkey'),
        ('vaurien', '--proxy 127.0.0.1:0', 'vaurien.engine.proxy'),
        ('vaurien', 'check x.ini', 'vaurien.cli.check'),
        ('vaurien', 'check x.ini', 'vaurien.engine.proxy'),
        ('conntest', 'server -p 0', 'gevent.monkey'),
        ('tcpgoon', 'localhost 1', 'vaurien.tcpgoon.command'),
        ('tcpgoon', 'server -p 0', 'vaurien.tcpgoon.server'),
        pytest.param('loads_runner', 'example.Test.test', 'gevent.monkey', marks=WITH_LOCUST),
        pytest.param('loads_agent', '', 'vaurien.loads.cluster.supervisor', marks=WITH_LOCUST),
        pytest.param('loads_broker', '', 'gevent.monkey', marks=WITH_LOCUST),
    ],
)
def test_nor_of_those_that_come_later(entry: str, words: str, module: str) -> None:
    """Not either if Python makes another error of it, as it does where a class is made."""
    done = press(entry, module, *words.split())
    assert (done.returncode, done.stdout, done.stderr) == (130, '', '')


def test_a_shell_that_has_it_ignored() -> None:
    done = press('ignoring', 'msgspec', '--version')
    assert (done.returncode, done.stderr) == (0, '')


def test_all_commands_begin_there() -> None:
    setup = ConfigParser()
    setup.read(Path(__file__).parents[2] / 'setup.cfg')
    scripts = dict(line.split(' = ') for line in setup['options.entry_points']['console_scripts'].strip().splitlines())
    assert scripts == {name: f'vaurien.cli.entries:{name.replace("-", "_")}' for name in scripts}
    assert all(hasattr(entries, path.partition(':')[2]) for path in scripts.values())
    assert len(scripts) == 7
