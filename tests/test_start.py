"""What is imported before a command prints its help, and by ``import vaurien``: nearly all of the time that they take.

`make bench-start` measures that time. Whoever has to change what is held here runs it before and after.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

import pytest

from tests.servers import TIMEOUT

#: Runs each command in a child process that begins with nothing imported, and prints what is imported in the end.
CODE = """\
import os, sys
from importlib import import_module

empty, devnull = set(sys.modules), os.open(os.devnull, os.O_WRONLY)

def say(name):
    print(name, *sorted(set(sys.modules) - empty), flush=True)

for line in sys.argv[1:]:
    name, module, *words = line.split()
    if os.fork():
        assert os.wait()[1] == 0
        continue
    out = os.dup(1)
    os.dup2(devnull, 1)
    try:
        if words:
            import_module(module).main(words)
        else:
            import_module(module)
    except SystemExit:
        sys.stdout.flush()
    os.dup2(out, 1)
    say(name)
    os._exit(0)
"""

#: A name, a module, and the words for its `main`; without words, the module is imported.
LINES = (
    'import vaurien',
    'vaurien vaurien.cli.main --help',
    'explore vaurien.cli.main explore --help',
    'report vaurien.cli.main report --help',
    'vaurienctl vaurien.cli.ctl --help',
    'conntest vaurien.conntest.main --help',
    'tcpgoon vaurien.tcpgoon.main --help',
    'loads-runner vaurien.loads.cli.runner --help',
    'loads-agent vaurien.loads.cli.agent --help',
    'loads-broker vaurien.loads.cli.broker --help',
)

#: Modules of the standard library that take 4 ms and more with what they import.
LARGE = {
    *('argparse', 'asyncio', 'concurrent.futures', 'ctypes', 'dataclasses', 'decimal', 'email.message', 'http.client'),
    *('importlib.metadata', 'inspect', 'logging', 'multiprocessing', 'socket', 'ssl', 'subprocess'),
    *('unittest', 'urllib.request', 'xml.etree.ElementTree'),
}
#: What every command needs for its flags.
USUAL = {'argparse', 'decimal', 'inspect', 'logging', 'msgspec'}
if sys.version_info < (3, 11):
    USUAL |= {'subprocess'}  # for `uuid`, and so for `msgspec`
if sys.version_info >= (3, 14):
    USUAL |= {'dataclasses'}  # for colors in tracebacks, and so for `logging`
#: What `importlib.metadata` brings, which Python 3.13 and later import only to read what it is about.
METADATA = {'email.message', 'socket'} if sys.version_info < (3, 13) else set()
#: What the flags of proxies are about.
SETTINGS = {'address', 'behaviors', 'framing', 'protocols', 'records', 'rules', 'schedule', 'settings', 'toxics', 'web'}
COMMON = {'console', 'errors', 'plugins'}


@pytest.fixture(scope='module')
def imported() -> Mapping[str, set[str]]:
    """What each of the lines imports."""
    done = subprocess.run([sys.executable, '-c', CODE, *LINES], capture_output=True, text=True, timeout=3 * TIMEOUT)
    assert (done.stderr, done.returncode) == ('', 0)
    return {name: set(modules) for name, *modules in map(str.split, done.stdout.splitlines())}


def find_rooms(modules: set[str]) -> set[str]:
    return {module.split('.')[1] for module in modules if module.startswith('vaurien.')}


def find_large(modules: set[str]) -> set[str]:
    """Return packages that are not of the standard library, and what is large of that."""
    others = {module.partition('.')[0] for module in modules} - {*sys.stdlib_module_names, 'vaurien'}
    # `msgspec` takes the one, Cython makes the others.
    others = {name for name in others if name != 'typing_extensions' and 'cython' not in name}
    return others | modules & LARGE


def test_the_package(imported: Mapping[str, set[str]]) -> None:
    assert find_rooms(imported['import']) == set()
    assert find_large(imported['import']) == set()


@pytest.mark.parametrize(
    ('command', 'rooms', 'large'),
    [
        (
            'vaurien',
            {'cli', 'clock', 'config', 'native', *SETTINGS},
            {'httptools', 'importlib.metadata', *METADATA},
        ),
        ('explore', {'cli', 'config', 'explore', 'native', *SETTINGS}, {'socket'}),
        ('report', {'cli'}, set()),
        ('vaurienctl', {'cli', 'client', 'clock', 'interface', 'native', 'toxiproxy', *SETTINGS}, {'socket'}),
        ('conntest', {'conntest', 'native', *SETTINGS}, set()),
        ('tcpgoon', {'address', 'tcpgoon'}, {'dataclasses'}),
        ('loads-runner', {'config', 'loads', 'native', *SETTINGS}, {'dataclasses', 'unittest'}),
        ('loads-agent', {'loads', 'native', *SETTINGS}, {'dataclasses', 'socket', 'unittest'}),
        ('loads-broker', {'loads', 'native', *SETTINGS}, {'dataclasses', 'socket', 'unittest'}),
    ],
)
def test_the_help_of_a_command(
    imported: Mapping[str, set[str]], command: str, rooms: set[str], large: set[str]
) -> None:
    assert find_rooms(imported[command]) == COMMON | rooms
    assert find_large(imported[command]) == USUAL | large
