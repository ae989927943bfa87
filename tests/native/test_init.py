"""Which way bytes are moved, and that everything works without anything compiled."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.servers import TIMEOUT

#: Prints which way is used, and what a stream is made of.
SHOW = 'from vaurien import native; from vaurien.engine.stream import Stream; print(native.describe(), Stream.__base__)'


def show(**variables: str) -> str:
    """What a new process says that has these environment variables."""
    environment = {**os.environ, **variables}
    return subprocess.check_output([sys.executable, '-c', SHOW], env=environment, text=True, timeout=TIMEOUT)


def test_pure_if_that_is_wanted() -> None:
    assert show(VAURIEN_PURE='1') == "pure Python (VAURIEN_PURE is set) <class 'vaurien.native.Flow'>\n"


@pytest.mark.compiled
def test_compiled_otherwise() -> None:
    assert show(VAURIEN_PURE='0') == "compiled <class 'vaurien.native._pump.Flow'>\n"


@pytest.mark.parametrize(
    ('pump', 'reason'),
    [('None', 'not compiled: '), ("types.ModuleType('_pump')", 'compiled from older files: compile again')],
)
def test_pure_if_nothing_was_compiled(pump: str, reason: str) -> None:
    hide = f"import sys, types; sys.modules['vaurien.native._pump'] = {pump}; "
    environment = {**os.environ, 'VAURIEN_PURE': '0'}
    said = subprocess.check_output([sys.executable, '-c', hide + SHOW], env=environment, text=True, timeout=TIMEOUT)
    assert said.startswith(f'pure Python ({reason}')
