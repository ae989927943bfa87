"""At which addresses an HTTP server listens. That it listens on the addresses of the machine is in `test_guard`."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import pytest

from tests.control.fake import FakeProxy, ServedProxy
from tests.peers import Peer
from tests.servers import HOST, free_port
from vaurien.address import Address
from vaurien.web import listening
from vaurien.web.listening import listen

REQUEST = b'GET /behavior HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'


def test_localhost_is_served_at_both_of_its_addresses() -> None:
    with ServedProxy(FakeProxy(), 'localhost') as served:
        port = served.address.port
        assert served.address.host == HOST
        for host in (HOST, '::1'):
            with Peer.connect(port, host) as client:
                client.send(REQUEST)
                assert client.recv_all().startswith(b'HTTP/1.1 200 ')
    for host in (HOST, '::1'):
        with pytest.raises(ConnectionRefusedError):
            Peer.connect(port, host)


def test_a_port_that_one_address_does_not_have_is_not_taken_at_the_other() -> None:
    with socket.create_server(('::1', free_port()), family=socket.AF_INET6) as taken:
        address = Address('localhost', taken.getsockname()[1])
        with pytest.raises(OSError, match='in use'):
            listen(address)
        socket.create_server((HOST, address.port)).close()


def test_an_address_that_the_machine_has_not_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = '192.0.2.1'  # of TEST-NET-1 (RFC 5737)
    monkeypatch.setattr(listening, '_find_hosts', lambda host: [absent, HOST])
    with ExitStack() as stack:
        listeners = [stack.enter_context(listener) for listener in listen(Address('any', 0))]
        assert [listener.getsockname()[0] for listener in listeners] == [HOST]
    monkeypatch.setattr(listening, '_find_hosts', lambda host: [absent])
    with pytest.raises(OSError, match='assign'):
        listen(Address('any', 0))
