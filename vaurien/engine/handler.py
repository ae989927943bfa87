"""Links of a protocol that moves the bytes itself: a greenlet per stream around its ``_handle``."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from gevent import Greenlet, getcurrent

from vaurien.engine.end import LinkEnd
from vaurien.engine.exchange import Released
from vaurien.plugins.end import End

if TYPE_CHECKING:
    from vaurien.behaviors.dummy import Dummy
    from vaurien.engine.link import Link
    from vaurien.engine.stream import Stream
    from vaurien.protocols.base import BaseProtocol


class Handler:
    """The traffic of such a link.

    Each call of ``_handle`` with bytes of the client's is an exchange. While a behavior is at work, and while such a
    call reads from its *dest* itself, the other direction stands back.
    """

    __slots__ = (
        '_behavior',
        '_calling',
        '_draws',
        '_greenlets',
        '_has_read_reply',
        '_held',
        '_in_behavior',
        '_stands_back',
        'exchanges',
        'link',
        'protocol',
    )

    def __init__(self, link: Link, protocol: BaseProtocol) -> None:
        self.link = link
        self.protocol = protocol
        self.exchanges = 0
        #: Of the calls of ``_handle`` that have not returned, what their *to_backend* is.
        self._calling: set[bool] = set()
        self._draws = link.draws()
        self._in_behavior = False
        self._behavior: str | None = None
        self._stands_back = False
        #: For how many seconds the behavior has held the exchange.
        self._held = 0.0
        #: Whether ``_handle`` itself has read from its *dest*: no more comes for the behavior.
        self._has_read_reply = False
        for stream in (link.up, link.down):
            stream.tap = stream.hold
        self._greenlets: list[Greenlet] = [link.proxy.spawn(self._serve, to_backend) for to_backend in (True, False)]

    # What the link and its ends ask

    @property
    def idle(self) -> bool:
        """Whether no call of ``_handle`` is at work, and everything has been sent on."""
        up, down = self.link.up, self.link.down
        return up.is_clear and down.is_clear and not (self.at_work or up.held or down.held)

    @property
    def at_work(self) -> bool:
        """Whether a call of ``_handle``, or a behavior around it, has not returned."""
        return bool(self._calling)

    @property
    def doing(self) -> str | None:
        """The behavior that is applied."""
        return self._behavior

    @property
    def movable(self) -> bool:
        """Whether the link may go on with another backend: never, both ends are in the hands of ``_handle``."""
        return False

    @property
    def expects_reply(self) -> bool:
        """Whether a server would reply to the client: as far as is known."""
        return True

    def rearm(self) -> None:
        """What is armed has changed: draw from that; end the behavior that runs."""
        self._draws = self.link.draws()
        if self._in_behavior and self._greenlets[0] is not getcurrent():
            self.link.proxy.loop.run_callback(self._release)

    def _release(self) -> None:
        if self._in_behavior:  # still
            self._greenlets[0].throw(Released())

    def kill(self) -> None:
        """The link is closed."""
        for greenlet in self._greenlets:
            if greenlet is not getcurrent():
                greenlet.kill(block=False)

    def may_finish(self, stream: Stream) -> bool:
        """Whether the end of a stream may be passed on."""
        to_backend = stream is self.link.up
        return to_backend not in self._calling and (to_backend or not self._stands_back)

    def on_end(self, stream: Stream) -> None:
        """The stream's source will send no more: its greenlet sees that for itself."""

    def defers_reset(self) -> bool:
        """Never: ``_handle`` gets the error."""
        return False

    def on_taken(self, stream: Stream, kind: int) -> None:
        """There are no marks in these streams."""

    def on_reading(self, stream: Stream) -> None:
        """An end is about to be read."""
        if stream is self.link.down and getcurrent() is self._greenlets[0]:
            self._stands_back = True
            self._has_read_reply = self._has_read_reply or not self._in_behavior

    def on_touched(self) -> None:
        """An end was read: nothing is undone here anyway."""

    def on_written(self, stream: Stream) -> None:
        """Nor where one is about to be written."""

    def is_exhausted(self, stream: Stream) -> bool:
        """Whether a behavior waits in vain though the stream has not ended."""
        return stream is self.link.down and self._in_behavior and self._has_read_reply

    def on_prompted(self) -> None:
        """The client was asked for the rest of its request, of which nothing is known here."""

    def skip_message(self, end: End) -> None:
        """Drop what has arrived: more is not known of messages here."""
        self.link.up.drop()

    # The two greenlets

    def _serve(self, to_backend: bool) -> None:
        link = self.link
        stream, other = (link.up, link.down) if to_backend else (link.down, link.up)
        source, dest = LinkEnd(stream, other), LinkEnd(other, stream)
        try:
            while not link.closed and (stream.held or not stream.ended):
                if not stream.held or (self._stands_back and not to_backend):
                    link.wait()
                elif self._call(source, dest, to_backend) is False:
                    link.close()
                elif link.stale:
                    link.retire()
        except OSError:
            link.reset()
        except (Exception, SystemExit) as error:  # whatever somebody's protocol or behavior raises
            link.fail(error)

    def _call(self, source: End, dest: End, to_backend: bool) -> bool | None:
        before = self._progress()
        self._calling.add(to_backend)
        try:
            result = self._exchange(source, dest) if to_backend else self.protocol._handle(source, dest, False)
        finally:
            self._calling.discard(to_backend)
            self._stands_back = self._stands_back and not to_backend
            self.link.changed()
        if before == self._progress() and result is not False:
            return self._await_progress(before)
        for stream in (self.link.up, self.link.down):
            stream.settle()
        return result

    def _exchange(self, source: End, dest: End) -> bool | None:
        """A call with bytes of the client's, and the behavior that it draws."""
        self._has_read_reply = False
        behavior = self._draw()
        if behavior is None:
            return self.protocol._handle(source, dest, True)
        self._held = 0.0
        try:
            return self._apply(behavior, source, dest)
        finally:
            self.link.proxy.tally.meters['behavior', behavior.name].note_held(self._held)

    def _apply(self, behavior: Dummy, source: End, dest: End) -> bool | None:
        result, is_handled = None, False
        with suppress(Released):
            if self._hold(behavior, 'on_before_handle', source, dest) is False:
                self.link.up.drop()
                return None
            result, is_handled = self.protocol._handle(source, dest, True), True
            self._hold(behavior, 'on_between_handle', source, dest)
            self._step(behavior, 'on_after_handle', source, dest)
        return result if is_handled else self.protocol._handle(source, dest, True)

    def _hold(self, behavior: Dummy, name: str, source: End, dest: End) -> bool | None:
        began = monotonic()
        try:
            return self._step(behavior, name, source, dest)
        finally:
            self._held += monotonic() - began

    def _progress(self) -> tuple[int | bool, ...]:
        up, down = self.link.up, self.link.down
        return up.received, up.position, up.ended, down.received, down.position, down.ended

    def _await_progress(self, before: tuple[int | bool, ...]) -> bool:
        """It took nothing: wait for more to take. ``False``: no more will come."""
        link = self.link
        while before == self._progress() and not link.closed:
            if link.up.ended and link.down.ended:
                return False
            link.wait()
        return True

    def _draw(self) -> Dummy | None:
        self.exchanges += 1
        link = self.link
        if self._draws is None:
            return None
        describe = partial(link.proxy.describe, self.protocol, link.up.position)
        rule = self._draws.draw(self.exchanges, bytes(link.up.held), describe)
        if rule is None or not link.proxy.is_due(rule):
            return None
        self._stands_back = True
        link.proxy.prepare_fault(link, self.exchanges, rule.behavior, self.protocol)
        return rule.behavior

    def _step(self, behavior: Dummy, name: str, source: End, dest: End) -> bool | None:
        self._in_behavior = True
        self._behavior = behavior.name
        try:
            step = getattr(behavior, name)
            result: bool | None = self.link.proxy.watch(behavior, step, self.protocol, source, dest)
        finally:
            self._in_behavior = False
            self._behavior = None
        return result
