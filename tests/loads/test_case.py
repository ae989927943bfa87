"""The test case: the same file under unittest, under pytest and under load.

Without load, what its clients report goes to a `Recorder` of ``recorder.py`` that forgets it.
"""

from __future__ import annotations

import os
import sys

import pytest

from tests.commands import PYTEST
from tests.loads.conftest import Shop
from tests.programs import run_program

#: Those of `cases/plain.py`; one of them is about not being run under load.
PLAIN = ['same_class', 'session', 'app', 'app_elsewhere', 'web_socket', 'web_socket_that_closes', 'counter']
PLAIN.append('web_socket_read_by_its_callback_alone')


@pytest.mark.parametrize(
    ('runner', 'said'),
    [
        (['-W', 'error', '-m', 'unittest', 'plain', 'example'], 'OK (expected failures=1)'),
        (['-m', 'unittest', 'fast'], 'OK'),
        ([*PYTEST[1:], '-W', 'error', 'plain.py', 'example.py'], '11 passed, 1 xfailed'),
    ],
    ids=['unittest', 'fast', 'pytest'],
)
def test_without_load(shop: Shop, runner: list[str], said: str) -> None:
    environment = {**os.environ, **shop.environment}
    assert said in run_program([sys.executable, *runner], shop.folder, environment)


def test_under_load(shop: Shop) -> None:
    tests = [*(f'plain.TestPlain.test_{name}' for name in PLAIN), 'fast.TestFast.test_fast_session']
    tests.append('plain.TestCallback.test_what_a_callback_raises')
    for test, done in zip(tests, shop.run_all([test, '-u', '2', '--hits', '2'] for test in tests), strict=True):
        if 'fast' in test:  # it is patched
            assert done.number('Failures') == 4, done
        else:
            assert (test, done.status, done.counts()) == (test, 0, (4, 4, 0, 0)), done
