"""One exchange that drew a behavior: the only thing on a link that gets a greenlet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

from gevent import Greenlet, GreenletExit, getcurrent

from vaurien.behaviors.dummy import Dummy
from vaurien.engine.end import LinkEnd
from vaurien.engine.stream import MAX_HELD
from vaurien.framing.marks import END, HEAD, OPAQUE, PROMPT, REPLY, REQUEST, Mark

if TYPE_CHECKING:
    from vaurien.engine.dispatcher import Dispatcher


class Released(GreenletExit):  # type: ignore[misc]  # gevent is not typed
    """Raised inside a behavior that was disarmed while it ran."""


class Exchange:
    """Applies a behavior to one request and its reply.

    While it lives, the link holds what the client sends after the request. It begins when every earlier request has
    got its reply, so that a pipeline stays in order and a fault meets a request when a server would: in its turn.
    """

    def __init__(
        self, owner: Dispatcher, behavior: Dummy, *, greeting: bool = False, expects_reply: bool = True
    ) -> None:
        """*greeting*: the backend spoke first; the request is empty, and the reply is what the backend said."""
        self.owner = owner
        self.link = owner.link
        self.number = owner.exchanges
        self.behavior = behavior
        self.greeting = greeting
        self.greenlet: Greenlet | None = None
        #: Whether the request goes on to the backend; its end has passed, on or away; the reply's has.
        self.sending = False
        self.request_ended = greeting
        self.reply_ended = not expects_reply
        #: Whether the behavior has read or written: then the exchange can no longer pass as if nothing had been.
        self.touched = False
        self._counted = greeting
        self.expects_reply = expects_reply
        #: For how many seconds the request, or the reply, was held; since when it is, if it is.
        self._held = 0.0
        self._held_since: float | None = None

    def begin(self) -> None:
        """Start the behavior, in a greenlet."""
        link = self.link
        self.greenlet = link.proxy.spawn(self._run)
        link.proxy.prepare_fault(link, self.number, self.behavior, self.owner.protocol)

    def let_go(self) -> None:
        """The behavior is no longer armed: end it, in the middle of whatever it does."""
        if self.greenlet is None:
            self.owner.on_exchange_over(self)
        elif self.greenlet is not getcurrent():
            self.greenlet.kill(Released(), block=False)
            if self.greenlet.dead:  # it had not begun to run, and now never will
                self.owner.on_exchange_over(self)

    def kill(self) -> None:
        """The link is closed: nothing is left to be done."""
        if self.greenlet is not None and self.greenlet is not getcurrent():
            self.greenlet.kill(block=False)

    def count_request(self) -> None:
        """The request goes on, or was answered: from here the link's count of requests holds it."""
        if not self._counted:
            self._counted = True
            self.owner.asked += not self.reply_ended

    def note_passing(self) -> None:
        """What was held goes on, or something goes in its place."""
        if self._held_since is not None:
            self._held += monotonic() - self._held_since
            self._held_since = None

    def _note_holding(self) -> None:
        if self._held_since is None:
            self._held_since = monotonic()

    # What the dispatcher reports

    def on_upstream(self) -> None:
        """More of the client's bytes are held."""
        if self.sending and not self.request_ended:
            self._send_held()
            self.owner.pass_following()
            self.link.up.settle()

    def on_downstream(self, marks: Sequence[Mark]) -> None:
        """More of the backend's bytes have arrived."""
        if self.link.down.holding:
            self.link.down.release_interim()
            if self.sending and self.link.down.held:
                self._note_holding()
        if not (self.sending or self.greeting):
            return
        for kind, _ in marks:
            if kind == PROMPT:
                self.request_ended = False
            elif kind in (REPLY, OPAQUE):
                self.reply_ended = True
                self.link.changed()

    def on_taken(self, kind: int) -> None:
        """The behavior has read over a mark."""
        if kind in (END, OPAQUE):
            self.request_ended = True
            if kind == OPAQUE:
                self.owner.go_opaque()
        elif kind in (REQUEST, HEAD):  # it reads on into the next request, which the backend will not see
            self.owner.exchanges += 1
            self.owner.protocol.withdraw()

    # The steps of a behavior

    def _run(self) -> None:
        behavior = self.behavior
        self._note_holding()
        try:
            if self._step(behavior.on_before_handle) is False:
                self._drop_request()
            else:
                self._let_pass()
        except Released:
            self._give_up()
        except GreenletExit:
            return
        except OSError as error:
            self.link.proxy.note_broken(self.link, behavior, error)
            self.link.close()
        except (Exception, SystemExit) as error:  # whatever somebody's behavior raises
            self.link.proxy.warn_failed(behavior, error)
            self._give_up()
        finally:
            self.note_passing()
            self.link.proxy.tally.meters['behavior', behavior.name].note_held(self._held)
        self.owner.on_exchange_over(self)

    def _give_up(self) -> None:
        if self.touched:
            self.link.close()

    def _step(self, step: Callable[..., Any]) -> Any:
        link = self.link
        client, backend = LinkEnd(link.up, link.down), LinkEnd(link.down, link.up)
        return link.proxy.watch(self.behavior, step, self.owner.protocol, client, backend)

    def _drop_request(self) -> None:
        link = self.link
        if self.greeting:
            self._await_reply()
            link.down.drop()
        elif not self.reply_ended:
            self.owner.protocol.withdraw()
        self._counted = True
        if not link.closed:
            LinkEnd(link.up, link.down).skip_message()

    def _let_pass(self) -> None:
        kind, link = type(self.behavior), self.link
        between = kind.on_between_handle is not Dummy.on_between_handle
        after = kind.on_after_handle is not Dummy.on_after_handle
        link.down.holding = link.down.holding or between
        self._send_request(wait=between or after)
        if between and not link.closed:
            self._step(self.behavior.on_between_handle)
        self.note_passing()
        link.down.release()
        if after and not link.closed:
            self._await_reply()
            self._step(self.behavior.on_after_handle)

    def _send_request(self, *, wait: bool) -> None:
        self.count_request()
        self.note_passing()
        self.sending = True
        if not self.request_ended:
            self._send_held()
        self.owner.pass_following()
        self.link.up.settle()
        while wait and not self._sent():
            self.link.wait()

    def _send_held(self) -> None:
        up = self.link.up
        everything = up.position + len(up.held)
        kind, end = next((mark for mark in up.marks if mark[0] in (END, OPAQUE)), (0, everything))
        self.request_ended = kind != 0
        passed = up.release_to(end if kind == END else everything)
        if self.request_ended:
            self.owner.boundary = up.position
        if OPAQUE in passed:
            self.owner.go_opaque()

    def _sent(self) -> bool:
        """Also true where no more can be sent: either has left off, or the backend replies before the end."""
        up, down = self.link.up, self.link.down
        if self.link.closed or self.owner.broken:
            return True
        replied = (self.expects_reply and self.reply_ended) or down.ended or len(down.held) >= MAX_HELD
        return replied or (up.unsent is None and (self.request_ended or up.ended))

    def _await_reply(self) -> None:
        link = self.link
        while not self.reply_ended and not link.down.ended and not link.closed:
            link.wait()
