"""Clients that are handed over, with a socket that is full."""

from __future__ import annotations

import socket
from _socket import socket as plain_socket
from contextlib import ExitStack

import gevent
import pytest

from tests.loop import in_loop
from tests.peers import Peer
from tests.servers import HOST
from vaurien.records.proxy_log import NO_PROXY
from vaurien.workers.clients import Handover, LinkEvent


def test_who_waits_for_room_in_the_socket_waits_for_the_timeout() -> None:
    """A worker that takes nobody is no reason to wait for ever."""

    def play() -> None:
        with ExitStack() as stack:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            stack.callback(theirs.close)
            own = plain_socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, ours.detach())
            own.setblocking(False)
            listener = stack.enter_context(socket.create_server((HOST, 0), backlog=2000))
            told: list[tuple[int, int, LinkEvent]] = []
            rooms: list[bool] = []
            handover = Handover(
                gevent.get_hub().loop, own, lambda *one: told.append(one), lambda: rooms.append(handover.has_room)
            )
            peers = []
            while handover.has_room:
                peers.append(stack.enter_context(Peer.connect(listener.getsockname()[1])))
                accepted, _ = listener.accept()
                client = plain_socket(accepted.family, accepted.type, 0, accepted.detach())
                handover.hand(1, len(peers), client, 0.2, NO_PROXY)
            while not told:
                gevent.sleep(0.01)
            assert (told, rooms) == ([(1, len(peers), LinkEvent.CLOSED)], [True])
            with pytest.raises(ConnectionResetError):
                peers[-1].recv()
            assert peers[0].is_silent(0.01)
            handover.close()

    in_loop(play)
