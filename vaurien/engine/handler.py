"""Links of a protocol that moves the bytes itself: a greenlet per stream around its ``_handle``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from time import monotonic

from gevent import Greenlet, getcurrent

from vaurien.behaviors.dummy import Dummy
from vaurien.engine.end import LinkEnd, is_of_end
from vaurien.engine.exchange import Released
from vaurien.engine.stream import Stream
from vaurien.engine.traffic import Traffic, TrafficLink
from vaurien.plugins.end import End
from vaurien.protocols.base import BaseProtocol
from vaurien.rules.rule import Rule


class Handler(Traffic):
    """Calls ``_handle`` whenever something can be read.

    Each call of ``_handle`` with bytes of the client's is an exchange. While a behavior is at work, and while such a
    call reads from its *dest* itself, the other direction waits.
    """

    __slots__ = (
        '_calling',
        '_draws',
        '_exchanges',
        '_greenlets',
        '_has_read_reply',
        '_held',
        '_in_behavior',
        '_link',
        '_protocol',
        '_rule',
        '_stands_back',
    )

    is_opaque = False

    def __init__(self, link: TrafficLink, protocol: BaseProtocol) -> None:
        self._link = link
        self._protocol = protocol
        self._exchanges = 0
        #: For each call of ``_handle`` that has not returned, its *to_backend*.
        self._calling: set[bool] = set()
        self._draws = link.arming.draws(link, protocol)
        self._in_behavior = False
        #: The rule at work.
        self._rule: Rule | None = None
        #: Whether the direction to the client waits.
        self._stands_back = False
        #: For how many seconds the behavior has held the exchange.
        self._held = 0.0
        #: Whether ``_handle`` itself has read from its *dest*: no more comes for the behavior.
        self._has_read_reply = False
        for stream in (link.up, link.down):
            stream.watch(stream.keep)
        self._greenlets: list[Greenlet] = [link.runtime.spawn(self._serve, to_backend) for to_backend in (True, False)]

    # What the link asks

    @property
    def is_idle(self) -> bool:  # type: ignore[override]  # derived here
        """Whether no call of ``_handle`` is at work, and everything has been sent on."""
        up, down = self._link.up, self._link.down
        return up.is_clear and down.is_clear and not (self._calling or up.held.data or down.held.data)

    @property
    def doing(self) -> str | None:  # type: ignore[override]
        """The name of the behavior that is applied."""
        return self._rule.name if self._in_behavior and self._rule is not None else None

    def count_exchanges(self, up: Stream) -> int:
        return self._exchanges

    def has_open_exchange(self, up: Stream, down: Stream) -> bool:
        return not self.is_idle

    def set_backend(self, backend: str) -> None:
        self._protocol.set_backend(backend)

    def rearm(self) -> None:
        self._draws = self._link.arming.draws(self._link, self._protocol)
        if self._in_behavior and not self._link.arming.has(self._rule) and self._greenlets[0] is not getcurrent():
            self._link.runtime.loop.run_callback(self._release)

    def _release(self) -> None:
        if self._in_behavior:  # still
            self._greenlets[0].throw(Released())

    def stop(self) -> None:
        for greenlet in self._greenlets:
            if greenlet is not getcurrent():
                greenlet.kill(block=False)

    def may_finish(self, stream: Stream) -> bool:
        to_backend = stream is self._link.up
        return to_backend not in self._calling and (to_backend or not self._stands_back)

    # What the ends ask

    expects_reply = True
    is_asking = False

    def on_asking(self) -> None:
        """Do nothing: nothing is known of replies here."""

    def on_reading(self, stream: Stream) -> None:
        if stream is self._link.down and getcurrent() is self._greenlets[0]:
            self._stands_back = True
            self._has_read_reply = self._has_read_reply or not self._in_behavior

    def is_exhausted(self, stream: Stream) -> bool:
        return stream is self._link.down and self._in_behavior and self._has_read_reply

    @property
    def request_ended(self) -> bool:
        """Whether everything that has arrived was read: nothing is known of messages here."""
        return not self._link.up.held.data

    def on_taken(self, stream: Stream, kinds: Sequence[int]) -> None:
        """Wake the other greenlet: what its ``_handle`` waited for may have been this."""
        self._link.changed()

    def on_writing(self, stream: Stream, data: bytes) -> None:
        """Do nothing: nothing is undone."""

    def on_prompted(self) -> None:
        """Do nothing: nothing is known of the rest of a request."""

    def on_lingering(self, begins: bool) -> None:
        """Do nothing: what the client sends may be part of anything."""

    # The two greenlets

    def _serve(self, to_backend: bool) -> None:
        link = self._link
        stream, other = (link.up, link.down) if to_backend else (link.down, link.up)
        source, dest = LinkEnd(link, self, stream, other), LinkEnd(link, self, other, stream)
        try:
            while not link.closed and (stream.held.data or not stream.ended):
                if not stream.held.data or (self._stands_back and not to_backend):
                    link.wait()
                elif self._call(source, dest, to_backend) is False:
                    link.close_behind(link.down)
                elif link.stale:
                    link.retire()
        except (Exception, SystemExit) as error:  # whatever somebody's protocol or behavior raises
            if is_of_end(error, link):
                link.reset()
            else:
                link.fail(self._protocol, error)

    def _call(self, source: End, dest: End, to_backend: bool) -> bool | None:
        before = self._progress()
        self._calling.add(to_backend)
        try:
            result = self._exchange(source, dest) if to_backend else self._protocol._handle(source, dest, False)
        finally:
            self._calling.discard(to_backend)
            self._stands_back = self._stands_back and not to_backend
            self._link.changed()
        if before == self._progress() and result is not False:
            return self._await_progress(before)
        for stream in (self._link.up, self._link.down):
            stream.settle()
        return result

    def _exchange(self, source: End, dest: End) -> bool | None:
        """Call ``_handle`` with bytes of the client's, and apply the behavior that the exchange draws."""
        self._has_read_reply = False
        rule = self._rule = self._draw()
        if rule is None:
            return self._protocol._handle(source, dest, True)
        self._held = 0.0
        try:
            return self._apply(rule.behavior, source, dest)
        finally:
            self._link.arming.on_fault_over(rule, self._held)

    def _apply(self, behavior: Dummy, source: End, dest: End) -> bool | None:
        result, is_handled = None, False
        with suppress(Released):
            if self._hold(behavior, 'on_before_handle', source, dest) is False:
                self._link.up.drop()
                return None
            result, is_handled = self._protocol._handle(source, dest, True), True
            self._hold(behavior, 'on_between_handle', source, dest)
            self._step(behavior, 'on_after_handle', source, dest)
        return result if is_handled else self._protocol._handle(source, dest, True)

    def _hold(self, behavior: Dummy, name: str, source: End, dest: End) -> bool | None:
        began = monotonic()
        try:
            return self._step(behavior, name, source, dest)
        finally:
            self._held += monotonic() - began

    def _progress(self) -> tuple[int | bool, ...]:
        up, down = self._link.up, self._link.down
        return up.received, up.held.position, up.ended, down.received, down.held.position, down.ended

    def _await_progress(self, before: tuple[int | bool, ...]) -> bool:
        """Wait for more bytes because ``_handle`` took none; return False if no more will come."""
        link = self._link
        while before == self._progress() and not link.closed:
            if link.up.ended and link.down.ended:
                return False
            link.wait()
        return True

    def _draw(self) -> Rule | None:
        self._exchanges += 1
        link = self._link
        if self._draws is None:
            return None
        held, arming = link.up.held, link.arming
        request = bytes(held.data)
        name = self._protocol.client_name(request) if self._draws.names else ''
        rule = self._draws.draw(self._exchanges, request, self._describe, client_name=name)
        if rule is None or not rule.is_due():
            return None
        self._stands_back = True
        arming.begin_fault(link, self._exchanges, rule, self._protocol, held.position, request)
        return rule

    def _describe(self, request: bytes) -> tuple[str, bool]:
        text = self._link.arming.describe(self._protocol, self._link.up.held.position, request)
        return text, self._protocol.describes_itself(request)

    def _step(self, behavior: Dummy, name: str, source: End, dest: End) -> bool | None:
        self._in_behavior = True
        try:
            step = getattr(behavior, name)
            result: bool | None = self._link.arming.watch(behavior, step, self._protocol, source, dest)
        finally:
            self._in_behavior = False
        return result
