"""The behavior that does nothing."""

from __future__ import annotations

import pytest

from tests.behaviors.clients import http_session, redis_client
from tests.behaviors.talk import connect, make_proxy
from tests.behaviors.waiting import eventually
from tests.peers import RawBackend
from tests.servers import INDEX, LARGE, Server
from vaurien import Proxy
from vaurien.behaviors.dummy import Dummy
from vaurien.errors import OptionError
from vaurien.plugins.registry import Registry


def test_replies_are_the_backends(nginx: Server) -> None:
    with Proxy(nginx.address, 'http') as proxy, http_session(proxy.address.port) as session:
        assert session.get('/').content == INDEX
        assert session.get('/large').content == LARGE
        assert proxy.status()['faults'] == {}


def test_values_are_the_backends(redis_server: Server) -> None:
    value = bytes(range(256)) * 4096
    with Proxy(redis_server.address, 'redis') as proxy, redis_client(proxy.address.port) as client:
        client.set('dummy', value)
        assert client.get('dummy') == value


def test_every_share_of_it_passes(echo_server: RawBackend) -> None:
    with make_proxy(echo_server, 'tcp', '60:dummy') as proxy, connect(proxy) as client:
        for number in range(20):
            client.send(b'%02d' % number)
            assert client.recv_exactly(2) == b'%02d' % number
        assert proxy.status()['faults'] == {}


class EveryThird(Dummy):
    """Says for itself which exchanges it applies to, and drops those requests."""

    name = 'every-third'
    asked = 0

    def is_due(self) -> bool:
        self.asked += 1
        return self.asked % 3 == 0

    def on_before_handle(self, *_: object) -> bool:
        return False


def test_a_plugin_may_say_that_it_does_not_apply(behaviors: Registry[Dummy], echo_server: RawBackend) -> None:
    """Such an exchange passes, and is no fault. Arming the behavior again begins with a new object."""
    behaviors.register(EveryThird)
    with make_proxy(echo_server, 'tcp', 'every-third', times=1) as proxy, connect(proxy) as client:
        for _ in range(2):
            for data in (b'a', b'b', b'dropped', b'c'):
                client.send(data)
                if data == b'dropped':
                    eventually(lambda: proxy.status()['behaviors'][0]['hits'] == 1)
                else:
                    assert client.recv_exactly(1) == data
            (rule,) = proxy.status()['behaviors']
            assert (rule['matched'], rule['hits']) == (4, 1)
            proxy.set_behavior('every-third', times=1)
        assert proxy.status()['faults'] == {'every-third': 2}


def test_has_no_options() -> None:
    with pytest.raises(OptionError, match='dummy has no such option'):
        Dummy.resolve({'sleep': 1})
