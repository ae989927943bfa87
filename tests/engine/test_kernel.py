"""What the kernel tells of connections; `tests.test_without_linux` does without."""

from __future__ import annotations

import socket

from tests.behaviors.waiting import eventually
from tests.servers import HOST
from vaurien.engine.kernel import find_silence


def test_silence_lasts_until_the_peer_speaks() -> None:
    """In milliseconds, as the kernel counts them."""
    with (
        socket.create_server((HOST, 0)) as listener,
        socket.create_connection(listener.getsockname()) as ours,
        listener.accept()[0] as theirs,
    ):
        eventually(lambda: find_silence(ours) >= 200)
        ours.send(b'what we say does not count')
        assert find_silence(ours) >= 200
        eventually(lambda: theirs.send(b'hello') and find_silence(ours) < 200)
