"""The process of a worker: it serves links until its parent has gone, and does what the parent asks."""

from __future__ import annotations

import gc
import logging
import socket
from _socket import socket as plain_socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import gevent
from gevent.pool import Group

from vaurien.config.source import register_plugin
from vaurien.console import log
from vaurien.console.background import in_background
from vaurien.console.log import LogFormat
from vaurien.engine.memory import MemoryWatch
from vaurien.errors import VaurienError
from vaurien.workers.clients import Arrivals
from vaurien.workers.messages import Answer, Ask, Messages, decode, encode
from vaurien.workers.served import Served

logger = logging.getLogger(__name__)


class Setup(NamedTuple):
    """What a worker is told first."""

    #: The plug-ins that files name, by section: what to import.
    plugins: Mapping[str, Any]
    log_level: str
    log_output: str
    log_format: LogFormat


def serve(messages: int, clients: int) -> int:
    """Serve what comes over two descriptors, those of messages and of clients, and return the exit status."""
    parent = Messages(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, messages))
    setup: Setup = decode(parent.receive()[1])
    with in_background(log_format=setup.log_format):
        log.set_up(setup.log_level, setup.log_output, setup.log_format)
        for section, reference in setup.plugins.items():
            register_plugin(section, reference)
        with suppress(OSError):  # the parent has gone
            _serve(parent, plain_socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, clients))
    return 0


def _serve(parent: Messages, clients: plain_socket) -> None:
    """Do what the parent asks, one thing beside the other; raise `OSError` when it has gone."""
    gc.freeze()  # as the parent does
    loop, greenlets = gevent.get_hub().loop, Group()
    clients.setblocking(False)
    served = Served()
    served.receive(Arrivals(loop, clients, served.find))
    memory = MemoryWatch(loop, lambda: served.proxies)
    try:
        while True:
            greenlets.spawn(_answer, parent, served, *parent.receive())
    finally:
        memory.stop()


def _answer(parent: Messages, served: Served, number: int, data: bytes) -> None:
    try:
        ask: Ask = decode(data)
        answer = encode(Answer(ask.function(served, *ask.args)))
    except Exception as error:  # a plug-in may raise anything
        if not isinstance(error, VaurienError):
            logger.exception('a worker cannot do what it is asked')
        answer = encode(Answer(error=str(error) or type(error).__name__))
    with suppress(OSError):  # the parent has gone
        parent.send(number, answer)
