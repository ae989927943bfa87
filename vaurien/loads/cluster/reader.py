"""Read messages off a socket that anybody may write to. Nothing that arrives there ends the reader."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NoReturn

import gevent
import msgspec
import zmq
from locust.rpc import Message

from vaurien.console.output import make_printable
from vaurien.errors import SealError

#: The most bytes of one part of a message. The files of a test are the largest; `packing` bounds them to 64 MiB.
MAX_PART = 65 * 1024 * 1024
#: The most characters of a text from elsewhere that a log shows.
MAX_SHOWN = 100
#: Seconds until a socket that cannot be read is tried again: Locust may be about to replace it.
PAUSE = 0.2

logger = logging.getLogger(__name__)
_decoder = msgspec.msgpack.Decoder(tuple[str, Any, str])


class Ignored:
    """Counts messages that were ignored, and logs ever fewer of them: the first, the second, the fourth, …"""

    def __init__(self) -> None:
        self.count = 0

    def add(self, error: Exception) -> None:
        """Count a message that raised *error*."""
        self.count += 1
        if self.count & (self.count - 1) == 0:
            logger.warning('ignored %d messages so far, the last one: %s', self.count, _describe(error))


def read_messages(
    receive: Callable[[], list[bytes]], handle: Callable[[list[bytes]], None], ignored: Ignored
) -> NoReturn:
    """Call *handle* with the parts of each message that *receive* returns. Whatever it raises is *ignored*."""
    while True:
        try:
            handle(receive())
        except zmq.ZMQError:
            gevent.sleep(PAUSE)
        except Exception as error:
            ignored.add(error)
        gevent.sleep(0)  # ZeroMQ returns what has come without a wait: a flood would keep everything else waiting


def decode(part: bytes) -> Message:
    """Return the message of Locust in *part*. Raises `msgspec.MsgspecError` and others if there is none."""
    return Message(*_decoder.decode(part))


def decode_from(parts: list[bytes]) -> Message:
    """Return a message that a ROUTER socket received. Raises `SealError` unless it names its sender as the sender."""
    sender, part = parts
    message = decode(part)
    if message.node_id.encode() != sender:
        raise SealError('a message under the name of another')
    return message


def shorten(text: Any) -> str:
    """Return a text from elsewhere as a log and a terminal can have it."""
    shown = make_printable(str(text))
    return shown if len(shown) <= MAX_SHOWN else f'{shown[:MAX_SHOWN]}…'


def _describe(error: Exception) -> str:
    return shorten(error if isinstance(error, SealError) else f'{type(error).__name__}: {error}')
