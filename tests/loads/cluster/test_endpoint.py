"""Every peer comes to the same IP address for a name, in the form that ZeroMQ takes."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from vaurien.address import Address
from vaurien.errors import StartError
from vaurien.loads.cluster.endpoint import resolve, resolve_for_zmq

BOTH = [(socket.AF_INET6, ('::1', 1, 0, 0)), (socket.AF_INET, ('127.0.0.1', 1))]


@pytest.mark.parametrize('order', [BOTH, BOTH[::-1]])
def test_ipv4_goes_first(monkeypatch: pytest.MonkeyPatch, order: list[tuple[int, Any]]) -> None:
    found = [(family, socket.SOCK_STREAM, 6, '', address) for family, address in order]
    monkeypatch.setattr(socket, 'getaddrinfo', lambda *arguments, **options: found)
    assert resolve(Address('localhost', 1)) == '127.0.0.1'


def test_brackets() -> None:
    assert resolve_for_zmq(Address('127.0.0.1', 1)) == '127.0.0.1'
    assert resolve_for_zmq(Address('::1', 1)) == '[::1]'


def test_no_such_host(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **options: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, 'Name or service not known')

    monkeypatch.setattr(socket, 'getaddrinfo', refuse)
    with pytest.raises(StartError, match=r'^cannot resolve nowhere: name or service not known$'):
        resolve_for_zmq(Address('nowhere', 1))
