"""What becomes of a request while the name it wants to listen on is looked up, and others are served."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
import pytest
from gevent.event import Event
from gevent.pool import Group
from gevent.socket import AF_INET, SOCK_STREAM, getaddrinfo

from tests.loop import in_loop
from tests.servers import HOST, TIMEOUT
from vaurien.engine import lookup
from vaurien.engine.proxies import Proxies
from vaurien.errors import ToxiproxyError
from vaurien.toxiproxy.fields import ProxyFields
from vaurien.toxiproxy.lifecycle import Lifecycle, ProxyChange

SLOW = 'slow.test'


class Names:
    """In place of the name server: one name is looked up for as long as the test likes; the others are real."""

    def __init__(self) -> None:
        self.asked = Event()
        self.answer = Event()

    def look_up(self, host: str, port: int, **hints: Any) -> list[Any]:
        if host != SLOW:
            return list(getaddrinfo(host, port, **hints))
        self.asked.set()
        assert self.answer.wait(TIMEOUT)
        return [(AF_INET, SOCK_STREAM, 6, '', (HOST, port))]


class Scene:
    """Proxies, and one request to them that waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._names = Names()
        monkeypatch.setattr(lookup, 'getaddrinfo', self._names.look_up)
        self.proxies = Proxies([])
        self.lifecycle = Lifecycle(self.proxies)

    def begin(self, request: Callable[..., object], *args: object) -> gevent.Greenlet:
        waiting = Group().spawn(request, *args)
        assert self._names.asked.wait(TIMEOUT)
        return waiting

    def end(self, waiting: gevent.Greenlet) -> Any:
        """What the request gives, or the text with which it is refused."""
        self._names.answer.set()
        try:
            return waiting.get()
        except ToxiproxyError as refusal:
            return refusal.text


def fields(name: str, listen: str = f'{HOST}:0', **more: Any) -> ProxyFields:
    return ProxyFields(name=name, upstream=f'{HOST}:1', listen=listen, **more)


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Scene], None]], None]:
    """Runs a test in an event loop; nothing may be left of it."""

    def run(act: Callable[[Scene], None]) -> None:
        def call() -> None:
            scene = Scene(monkeypatch)
            try:
                act(scene)
            finally:
                scene.proxies.shut_down()

        in_loop(call)

    return run


Play = Callable[[Callable[[Scene], None]], None]


def test_others_are_served(play: Play) -> None:
    def act(scene: Scene) -> None:
        waiting = scene.begin(scene.lifecycle.create, fields('slow', f'{SLOW}:0'))
        scene.lifecycle.create(fields('quick'))
        scene.lifecycle.change('quick', ProxyChange(enabled=False))
        assert list(scene.proxies) == ['quick']
        assert scene.end(waiting).address.host == HOST
        assert list(scene.proxies) == ['quick', 'slow']

    play(act)


def test_its_name_is_taken(play: Play) -> None:
    def act(scene: Scene) -> None:
        waiting = scene.begin(scene.lifecycle.create, fields('a', f'{SLOW}:0'))
        first = scene.lifecycle.create(fields('a'))
        assert scene.end(waiting) == 'proxy already exists'
        assert scene.proxies['a'] is first

    play(act)


def test_what_is_to_be_populated_has_come(play: Play) -> None:
    def act(scene: Scene) -> None:
        waiting = scene.begin(scene.lifecycle.populate, fields('a', f'{SLOW}:0'))
        before = scene.lifecycle.create(fields('a'))
        after = scene.end(waiting)
        assert (before.enabled, after.enabled) == (False, True)
        assert scene.proxies['a'] is after

    play(act)


@pytest.mark.parametrize('change', [ProxyChange(listen=f'{SLOW}:0'), ProxyChange(listen=f'{SLOW}:0', enabled=True)])
def test_what_is_to_be_changed_has_gone(play: Play, change: ProxyChange) -> None:
    def act(scene: Scene) -> None:
        proxy = scene.lifecycle.create(fields('a'))
        waiting = scene.begin(scene.lifecycle.change, 'a', change)
        scene.lifecycle.delete('a')
        assert scene.end(waiting) == 'proxy not found'
        assert not proxy.enabled

    play(act)


def test_what_is_to_be_moved_was_disabled(play: Play) -> None:
    """It stays so, for nobody asks to enable it."""

    def act(scene: Scene) -> None:
        proxy = scene.lifecycle.create(fields('a'))
        waiting = scene.begin(scene.lifecycle.change, 'a', ProxyChange(listen=f'{SLOW}:0'))
        scene.lifecycle.change('a', ProxyChange(enabled=False))
        assert scene.end(waiting) is proxy
        assert (proxy.enabled, proxy.address.written) == (False, f'{SLOW}:0')

    play(act)


def test_what_is_to_be_reset_has_gone(play: Play) -> None:
    def act(scene: Scene) -> None:
        for name in ('a', 'b'):
            scene.lifecycle.create(fields(name, f'{SLOW}:0', enabled=False))
        waiting = scene.begin(scene.lifecycle.reset)
        a = scene.proxies['a']
        scene.lifecycle.delete('a')
        assert scene.end(waiting) is None
        assert (list(scene.proxies), a.enabled, scene.proxies['b'].enabled) == (['b'], False, True)

    play(act)
