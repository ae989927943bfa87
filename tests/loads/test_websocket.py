"""A web socket as tests use it, read by a thread. `cases/plain.py` has the same under load."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.loads.recording import Recording
from tests.servers import HOST, TIMEOUT, free_port
from vaurien.loads import websocket
from vaurien.loads.websocket import Message, WebSocket


@contextmanager
def connected(url: str, recording: Recording | None = None, **options: Any) -> Iterator[WebSocket]:
    """A web socket that is closed with the block."""
    socket = WebSocket(url, recording or Recording(), **options)
    try:
        yield socket
    finally:
        socket.close()


def test_texts_and_bytes(websocket_server: str) -> None:
    recording = Recording()
    with connected(websocket_server, recording) as socket:
        for data in ('a täxt', b'\x00\xff'):
            socket.send(data)
            assert socket.receive(TIMEOUT).data == data
    assert (recording.websockets, recording.sizes) == (1, [len('a täxt'.encode()), 2])


def test_a_message_shows_what_it_is() -> None:
    assert (str(Message('text')), str(Message(b'by\xffte'))) == ('text', 'by\ufffdte')
    assert repr(Message(b'x')) == "Message(b'x')"


def test_subprotocols(websocket_server: str) -> None:
    with connected(websocket_server, protocols=['chat', 'other']) as socket:
        assert socket.subprotocol == 'chat'
    with connected(websocket_server) as socket:
        assert socket.subprotocol is None


def test_options_are_those_of_the_library(websocket_server: str) -> None:
    with connected(websocket_server, header={'X-Test': 'yes'}, timeout=TIMEOUT) as socket:
        socket.send('x')
        assert socket.receive(TIMEOUT).data == 'x'


def test_no_message_in_time(websocket_server: str) -> None:
    with (
        connected(websocket_server) as socket,
        pytest.raises(TimeoutError, match=re.escape('no message within 0.01 s')),
    ):
        socket.receive(0.01)


def test_a_server_that_closes(websocket_server: str) -> None:
    with connected(f'{websocket_server}/shut') as socket:
        socket.send('only this')
        assert socket.receive(TIMEOUT).data == 'only this'
        for _ in range(2):
            with pytest.raises(ConnectionError, match='the web socket is closed'):
                socket.receive(TIMEOUT)


class Third:
    """A callback that keeps messages, and lets a test wait for the third."""

    def __init__(self) -> None:
        self.messages: list[str | bytes] = []
        self._came = threading.Event()

    def __call__(self, message: Message) -> None:
        self.messages.append(message.data)
        if len(self.messages) == 3:
            self._came.set()

    def wait(self) -> None:
        """Wait for the third message."""
        assert self._came.wait(TIMEOUT)


def test_what_was_received_before_the_end_is_kept(websocket_server: str) -> None:
    third = Third()
    socket = WebSocket(f'{websocket_server}/burst', Recording(), third)
    assert socket.receive(TIMEOUT).data == 'message 0'
    third.wait()
    socket.close()
    socket.close()
    assert [socket.receive(TIMEOUT).data for _ in range(2)] == ['message 1', 'message 2']
    with pytest.raises(ConnectionError):
        socket.receive(TIMEOUT)


def test_a_callback_gets_every_message(websocket_server: str) -> None:
    third = Third()
    with connected(f'{websocket_server}/burst', callback=third):
        third.wait()
    assert third.messages == ['message 0', 'message 1', 'message 2']


def test_a_callback_that_raises(websocket_server: str) -> None:
    def refuse(message: Message) -> None:
        raise ValueError(f'not {message}')

    socket = WebSocket(websocket_server, Recording(), refuse)
    socket.send('this')
    assert socket.receive(TIMEOUT).data == 'this'
    with pytest.raises(ValueError, match='not this'):
        socket.receive(TIMEOUT)
    socket.finish()  # it was raised once

    socket = WebSocket(f'{websocket_server}/burst', Recording(), refuse)
    socket.receive(TIMEOUT)
    with pytest.raises(ValueError, match='not message 0'):
        socket.finish()


def test_more_messages_than_are_kept(websocket_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, 'MAX_UNREAD', 2)
    third = Third()
    with connected(f'{websocket_server}/burst', callback=third) as socket:
        third.wait()
        with pytest.raises(OverflowError, match='1 messages are lost: 2 others were not received in time'):
            socket.receive(TIMEOUT)


def test_nobody_there() -> None:
    with pytest.raises(OSError, match='Connection refused'):
        WebSocket(f'ws://{HOST}:{free_port()}', Recording())
