"""What comes before the import of Locust."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys

import pytest

from vaurien.errors import StartError
from vaurien.loads.users import patching
from vaurien.loads.users.patching import SKIP, check_engine, unpatched

SCRIPT = """
import sys
from vaurien.loads.users.patching import prepare
assert 'locust' not in sys.modules
prepare(no_patching={no_patching})
import resource, socket
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
print('locust' in sys.modules, socket.socket.__module__, soft == hard)
"""


@pytest.mark.parametrize(('no_patching', 'module'), [(False, 'gevent._socket3'), (True, 'socket')])
def test_prepare(no_patching: bool, module: str) -> None:
    script = SCRIPT.format(no_patching=no_patching)
    done = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (f'True {module} True\n', '')


def test_the_tests_themselves_are_not_patched() -> None:
    assert 'locust' in sys.modules
    assert socket.socket.__module__ == 'socket'


@pytest.mark.parametrize('before', [None, '', '1'])
def test_unpatched_leaves_the_environment_as_it_was(monkeypatch: pytest.MonkeyPatch, before: str | None) -> None:
    if before is None:
        monkeypatch.delenv(SKIP, raising=False)
    else:
        monkeypatch.setenv(SKIP, before)
    with unpatched():
        assert os.environ[SKIP] == '1'
    assert os.environ.get(SKIP) == before


@pytest.mark.parametrize('name', ['locust', 'requests', 'webtest', 'wsgiproxy', 'websocket'])
def test_what_is_not_installed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(patching, 'find_spec', lambda asked: None if asked == name else find(asked))
    with pytest.raises(StartError, match=rf"it needs {name}: pip install 'vaurien\[loads\]'"):
        check_engine()


def test_a_python_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, 'version_info', (3, 10, 12))
    monkeypatch.setattr(sys, 'version', '3.10.12 (main)')
    with pytest.raises(StartError, match=r'Locust needs Python 3\.11 or later, and this is 3\.10\.12'):
        check_engine()
