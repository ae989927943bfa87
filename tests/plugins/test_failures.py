"""An exception of somebody's plug-in: one warning that names the plug-in, with the traceback if that is wanted."""

from __future__ import annotations

import logging

import pytest

from vaurien.behaviors.dummy import Dummy
from vaurien.plugins.failures import warn_failed
from vaurien.plugins.options import Configurable
from vaurien.protocols.tcp import TCP
from vaurien.records.proxy_log import NO_PROXY


@pytest.mark.parametrize(('plugin', 'name'), [(Dummy(), 'dummy'), (TCP(), 'tcp'), (TCP, 'tcp')])
def test_it_is_named(plugin: Configurable | type[Configurable], name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        warn_failed(plugin, KeyError('no such word'), NO_PROXY)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == f"{name} failed: KeyError: 'no such word'"


@pytest.mark.parametrize('level', [logging.INFO, logging.DEBUG])
def test_the_traceback_is_for_those_who_debug(level: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(level):
        try:
            raise SystemExit('enough')
        except SystemExit as error:
            warn_failed(Dummy(), error, NO_PROXY)
    assert ('Traceback' in caplog.text) == (level == logging.DEBUG)


def test_an_exception_that_cannot_say_anything(caplog: pytest.LogCaptureFixture) -> None:
    class Silent(Exception):
        def __str__(self) -> str:
            raise ValueError('nor does this')

    warn_failed(Dummy(), Silent(), NO_PROXY)
    assert caplog.messages == ['dummy failed: Silent']
