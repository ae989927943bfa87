"""How many calls one request of Redis takes inside the package: a path that grows longer is harder to follow."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import gevent
import pytest
from gevent import socket as green

import vaurien
from tests.loop import in_loop
from tests.servers import HOST, TIMEOUT, Server
from vaurien.address import Address
from vaurien.engine.proxy import ProxyServer
from vaurien.rules.behaviors import make_rules
from vaurien.settings import ProxySettings

PACKAGE = str(Path(vaurien.__file__).parent)

GET = b'*2\r\n$3\r\nGET\r\n$16\r\nno-key-of-a-test\r\n'
NOTHING = b'$-1\r\n'
ERROR = b'-ERR injected by vaurien\r\n'

#: A setting with which each link has an object from its beginning, whether anything is compiled or not.
OBJECTS = {'max_links': 100}


def calls_of_a_request(backend: Server, spec: str, reply: bytes, number: int = 2, **more: Any) -> list[str]:
    """The functions of the package that are called for a request of a link: file and name of each.

    It is the second one unless another *number* is given. The first one also opens the link.
    """
    calls: list[str] = []

    def note(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == 'call' and code.co_filename.startswith(PACKAGE):
            calls.append(f'{code.co_filename[len(PACKAGE) + 1 :]}:{code.co_name}')

    def ask() -> None:
        settings = ProxySettings(
            proxy=Address(HOST, 0),
            backend=Address(HOST, backend.port),
            protocol='redis',
            behaviors=make_rules(spec),
            **more,
        )
        proxy = ProxyServer(settings)
        proxy.start()
        try:
            with green.create_connection(tuple(proxy.address), TIMEOUT) as client:
                for _ in range(number):
                    calls.clear()
                    client.sendall(GET)
                    assert client.recv(100) == reply
                    gevent.sleep(0.01)  # what is left to do once the reply was sent
        finally:
            proxy.shut_down()

    def profile() -> None:
        sys.setprofile(note)
        try:
            ask()
        finally:
            sys.setprofile(None)

    in_loop(profile)
    # The last calls are those of the proxy's end.
    ends = [i for i, call in enumerate(calls) if call == 'engine/proxy.py:shut_down']
    return calls[: ends[0]] if ends else calls


@pytest.mark.parametrize(
    ('spec', 'reply', 'most'),
    [('dummy', NOTHING, 11), ('delay(sleep=0.001)', NOTHING, 60), ('error', ERROR, 60)],
    ids=['untouched', 'delay', 'error'],
)
def test_they_are_few(redis_server: Server, spec: str, reply: bytes, most: int) -> None:
    calls = calls_of_a_request(redis_server, spec, reply, **OBJECTS)
    assert 5 < len(calls) <= most, '\n'.join(calls)


def test_an_untouched_request_meets_few_files(redis_server: Server) -> None:
    calls = calls_of_a_request(redis_server, 'dummy', NOTHING, **OBJECTS)
    files = {call.partition(':')[0] for call in calls}
    assert {'engine/stream.py', 'engine/dispatcher.py'} <= files
    assert len(files) <= 5, files


@pytest.mark.compiled
@pytest.mark.parametrize('spec', ['dummy', '0.000001:error'])
def test_on_a_link_without_an_object_there_is_none_from_the_beginning(redis_server: Server, spec: str) -> None:
    assert calls_of_a_request(redis_server, spec, NOTHING) == []


@pytest.mark.compiled
@pytest.mark.parametrize('spec', ['dummy', '0.000001:error', "100:error(match='SET *')"])
def test_later_there_is_no_call_at_all(redis_server: Server, spec: str) -> None:
    assert calls_of_a_request(redis_server, spec, NOTHING, 20, **OBJECTS) == []
