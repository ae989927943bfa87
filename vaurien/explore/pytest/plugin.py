"""What the flags of pytest ask for, as plug-ins: for the process that runs tests, and for that with the terminal."""

from __future__ import annotations

import os
import socket
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from vaurien.console.drawing import check_drawing
from vaurien.errors import ConfigError
from vaurien.explore.environment import read_variables
from vaurien.explore.model import Injection
from vaurien.explore.pytest.exploring import Exploring
from vaurien.explore.pytest.running import Running
from vaurien.explore.pytest.serving import Serving
from vaurien.explore.pytest.summary import SUMMARY, Summary
from vaurien.explore.setting_flags import SETTING_FLAGS
from vaurien.explore.settings import ExploreSettings, read_settings
from vaurien.pytest_plugin import RUNNING

#: The variable that is set in workers of pytest-xdist, and in what these start.
WORKER = 'PYTEST_XDIST_WORKER'


def register(config: pytest.Config, options: Namespace) -> None:
    """Register what runs tests, before any conftest is read: it may read the environment. Raise `pytest.UsageError`."""
    if _has_workers(options) and WORKER not in os.environ:
        return
    with _reporting_mistakes():
        settings, variables = _find_settings(config, options), read_variables(options.vaurien)
        faults = [Injection.parse(text) for text in options.vaurien_fault]
        if options.vaurien_explore_serve is not None:
            sock = socket.socket(fileno=int(options.vaurien_explore_serve))
            plugin: Running = Serving(config, settings, variables, options.vaurien_explore_only, sock)
        elif faults or options.vaurien_explore:
            plugin = Exploring(config, settings, variables, faults or None)
        else:
            plugin = Running(config, settings, variables)
        config.pluginmanager.register(plugin, RUNNING)


def register_summary(config: pytest.Config) -> None:
    """Register what shows the results, unless this is a worker, or runs for another process."""
    if hasattr(config, 'workerinput') or config.option.vaurien_explore_serve is not None:
        return
    with _reporting_mistakes():
        check_drawing()
        faults = [Injection.parse(text) for text in config.option.vaurien_fault]
        config.pluginmanager.register(Summary(config, _find_settings(config, config.option), faults), SUMMARY)


@contextmanager
def _reporting_mistakes() -> Iterator[None]:
    """Raise `pytest.UsageError` for a `ConfigError` in the block."""
    try:
        yield
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from None


def _find_settings(config: pytest.Config, options: Namespace) -> ExploreSettings:
    """Return the settings of files, and of flags, which go before them; raise `ConfigError`."""
    settings = read_settings(config.invocation_params.dir)
    if options.vaurien_fault:
        settings = settings.keep_reports()
    try:
        return settings.change(dict(_list_given(options)), text=True)
    except ConfigError as error:
        raise ConfigError(error.description, f'--vaurien-explore-{error.path}') from None


def _list_given(options: Namespace) -> Iterator[tuple[str, Any]]:
    """Yield the settings that have been given as flags."""
    for name, *_ in SETTING_FLAGS:
        value = getattr(options, f'vaurien_explore_{name}')
        if value is not None:
            yield name, value
    if options.vaurien_allow_remote:
        yield 'allow_remote', True


def _has_workers(options: Namespace) -> bool:
    """Return whether pytest-xdist has others run the tests."""
    return bool(getattr(options, 'numprocesses', None) or getattr(options, 'tx', None))
