"""One exchange that drew a behavior: the only thing on a link that gets a greenlet."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import TYPE_CHECKING

from gevent import Greenlet, GreenletExit, getcurrent

from vaurien.behaviors.dummy import Dummy
from vaurien.engine.end import LinkEnd, is_of_end
from vaurien.engine.stream import Stream
from vaurien.engine.unrecorded import UNRECORDED
from vaurien.framing.marks import END, LAST_OPENING, OPAQUE, PROMPT, REPLY, Mark
from vaurien.framing.parts import Part
from vaurien.plugins.failures import warn_failed
from vaurien.rules.rule import Rule

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
        self,
        owner: Dispatcher,
        rule: Rule | None,
        *,
        greeting: bool = False,
        expects_reply: bool = True,
        part: Part | None = None,
        is_inside: bool = False,
    ) -> None:
        """*rule* is what it has drawn. *greeting*: the backend spoke first; the request is empty, and the reply is what
        the backend said.

        *part* is the statement that the behavior is for, of several in the request. *is_inside*: that is in the middle
        of a request, of which the backend has got the beginning.
        """
        self._owner = owner
        self._link = owner.link
        self._number = owner.exchanges
        #: The rule at work; None if there is none, or if it was left.
        self.rule = rule
        self.behavior = Dummy() if rule is None else rule.behavior
        self.greeting = greeting
        self._part = part
        self.is_inside = is_inside
        #: What chance depends on in the behavior; empty until it begins.
        self.chance = ''
        #: Whether the behavior runs, or has run.
        self.has_begun = False
        #: Where it began.
        self._begin = 0
        self._greenlet: Greenlet | None = None
        #: Whether the request goes on to the backend.
        self.sending = False
        #: Whether the behavior has kept the request from going on.
        self.is_dropped = False
        #: Whether the end of the request was passed on or dropped, and the same of the reply.
        self.request_ended = greeting
        self.reply_ended = not expects_reply
        #: Whether bytes that do not parse have come in the middle of the request, and were read.
        self._is_torn = False
        #: Whether the behavior has read or written: then the exchange can no longer pass as if nothing had been done.
        self._touched = False
        #: Whether the behavior gets those parts of the reply, too, that come before the request has ended.
        self._takes_parts = False
        #: Whether the client has its answer, and what else it sends is dropped for a while.
        self._is_lingering = False
        #: Whether the dispatcher has counted the request among those that go on, or were answered.
        self.is_counted = greeting or is_inside
        #: Whether the next reply is to a request of the proxy's own.
        self.is_asking = False
        self.expects_reply = expects_reply
        #: For how many seconds the request, or the reply, was held; and since when it is held now, if it is.
        self._held = 0.0
        self._held_since: float | None = None

    def begin(self) -> None:
        """Start the behavior in a greenlet."""
        link, owner = self._link, self._owner
        self.has_begun = True
        self._begin = link.up.held.position
        self._greenlet = link.runtime.spawn(self._run)
        if self.rule is None:
            return
        held = link.up.held
        request, lead = self._part or Part(bytes(held.data), b'' if self.is_inside else None)
        self.chance = link.arming.begin_fault(
            link, self._number, self.rule, owner.protocol, held.position, request, lead
        )
        if link.arming.marks_faults:
            owner.mark_fault(self.rule.name)

    def let_go(self) -> None:
        """End the behavior in the middle of whatever it does: it is no longer armed.

        One that lingers goes on: closing the link now might have the client lose its answer.
        """
        greenlet = self._greenlet
        if greenlet is None:
            self.pass_by()
        elif not (self._is_lingering or greenlet is getcurrent()):
            greenlet.kill(Released(), block=False)
            if greenlet.dead:  # it had not begun to run, and now never will
                self.pass_by()

    def stop(self) -> None:
        """End the behavior: the link is closed, and nothing is left to be done."""
        if self._greenlet is not None and self._greenlet is not getcurrent():
            self._greenlet.kill(block=False)
        if self._greenlet is None or self._greenlet.dead:  # it will never run, and so never end
            self.leave_rule()

    def pass_by(self) -> None:
        """Be over without having begun."""
        if self.rule is not None and not self.has_begun:
            self.rule.take_back()
        self.leave_rule()
        self._owner.on_exchange_over(self)

    def leave_rule(self) -> None:
        """Have the rule count it no longer among the exchanges in which it is at work."""
        if self.rule is not None:
            self.rule.leave()
            self.rule = None

    # What the dispatcher reports

    def on_upstream(self) -> None:
        """Handle that more of the client's bytes are held."""
        if self.sending and not self.request_ended:
            self._send_held()
            self._owner.pass_following()

    def on_downstream(self, marks: Sequence[Mark]) -> None:
        """Handle that more of the backend's bytes have arrived."""
        down = self._link.down
        if down.holding:
            down.release_interim(parts=not self._takes_parts)
            if self.sending and down.held.data and self._held_since is None:
                self._held_since = monotonic()
        if not (self.sending or self.greeting):
            return
        for kind, _ in marks:
            if kind == PROMPT:
                self.request_ended = False
            elif kind in (REPLY, OPAQUE):
                self.reply_ended = True
                self._link.changed()

    # What the ends ask

    def on_asking(self) -> None:
        """Hold the next reply: it is not for the client."""
        self.is_asking = True
        self._owner.count_own_request()
        self._link.down.begin_holding()

    def on_reading(self, stream: Stream) -> None:
        """Do nothing: only one behavior reads at a time."""

    def is_exhausted(self, stream: Stream) -> bool:
        """Return whether the reply has ended, if that is what is read."""
        return self.reply_ended and stream is self._link.down and not self.is_asking

    def on_taken(self, stream: Stream, kinds: Sequence[int]) -> None:
        """Note what the behavior has read: the exchange cannot pass unchanged any more."""
        self._touched = True
        if stream is not self._link.up:
            self.is_asking = self.is_asking and REPLY not in kinds
            return
        for kind in kinds:
            if kind in (END, OPAQUE):
                if kind == OPAQUE:
                    self._is_torn = not self.request_ended and self._owner.is_unparsed
                    self._owner.go_opaque()
                self.request_ended = True
            elif kind <= LAST_OPENING:  # it reads on into the next request, which the backend will not see
                self._owner.on_request_swallowed()

    def on_writing(self, stream: Stream, data: bytes) -> None:
        """Note that the behavior writes; to the client, it does so in the place of what was held."""
        self._touched = True
        if stream is self._link.down:
            self._note_passing()
            if self._owner.recorder is not UNRECORDED:
                self._owner.recorder.on_answer(data)

    def on_prompted(self) -> None:
        """Note that the client was asked for more of the request."""
        self.request_ended = False
        self._owner.protocol.on_prompted()
        self._owner.recorder.on_prompted()

    def on_lingering(self, begins: bool) -> None:
        """Note that the behavior has done what it was armed for, but for what the client still sends."""
        self._is_lingering = begins

    # The steps of a behavior

    def _run(self) -> None:
        self._held_since = monotonic()
        link, owner, behavior = self._link, self._owner, self.behavior
        up, down = link.up, link.down
        ends = LinkEnd(link, self, up, down), LinkEnd(link, self, down, up)
        try:
            if link.arming.watch(behavior, behavior.on_before_handle, owner.protocol, *ends) is False:
                self._drop_request(ends[0])
            else:
                self._let_pass(*ends)
        except Released:
            self._give_up()
        except GreenletExit:
            return
        except (Exception, SystemExit) as error:  # whatever somebody's behavior raises
            if is_of_end(error, link):
                link.runtime.log.debug('link %d: %s: %s', link.number, behavior.name, error)
                link.close_behind(link.down)
            else:
                warn_failed(behavior, error, link.runtime.log)
                self._give_up()
        finally:
            if self._held_since is not None:
                self._note_passing()
            if self.rule is not None:
                link.arming.on_fault_over(self.rule, self._held)
                self.rule = None
        owner.on_exchange_over(self)

    def _note_passing(self) -> None:
        """Note that what was held goes on, or something goes in its place."""
        if self._held_since is not None:
            self._held += monotonic() - self._held_since
            self._held_since = None

    def _give_up(self) -> None:
        if self._touched:
            self._link.close_behind(self._link.down)

    def _drop_request(self, client: LinkEnd) -> None:
        self.is_dropped = True
        if self.greeting:
            self._await_reply()
            self._link.down.drop()
        elif not self.reply_ended:
            self._owner.protocol.withdraw()
            if self.is_inside:
                self._owner.discount_request()
        self.is_counted = True
        if not (self.request_ended or self._link.closed):
            client.settimeout(None)  # which the behavior has set for itself
            client.skip_message()
        self._owner.protocol.on_dropped(self._begin, self._link.up.held.position)
        if self._is_torn:  # nobody knows where the next request begins, and the backend has not seen this one
            self._link.close_behind(self._link.down)

    def _let_pass(self, client: LinkEnd, backend: LinkEnd) -> None:
        link, owner, behavior, kind = self._link, self._owner, self.behavior, type(self.behavior)
        between = kind.on_between_handle is not Dummy.on_between_handle
        after = kind.on_after_handle is not Dummy.on_after_handle
        self._takes_parts = behavior.takes_parts and not owner.protocol.is_guarding
        if between:
            link.down.begin_holding()
        self.sending = True
        if not self.is_counted:
            self.is_counted = True
            owner.count_request(self)
        if not self.greeting:  # which is a reply, and held on
            self._note_passing()
        if owner.recorder is not UNRECORDED:
            owner.recorder.on_passing()
        if not self.request_ended:
            self._send_held()
        if not owner.protocol.ordered:
            owner.pass_following()
        while (between or after) and not self._is_sent():
            link.wait()
        if between and not link.closed:
            link.arming.watch(behavior, behavior.on_between_handle, owner.protocol, client, backend)
        if after:
            self._take_last_step(client, backend)

    def _take_last_step(self, client: LinkEnd, backend: LinkEnd) -> None:
        link, behavior = self._link, self.behavior
        self._note_passing()
        link.down.release()
        if not link.closed:
            self._await_reply()
            link.arming.watch(behavior, behavior.on_after_handle, self._owner.protocol, client, backend)

    def _send_held(self) -> None:
        up = self._link.up
        data, self.request_ended, is_opaque = up.held.release_request()
        if data:
            up.send(data)
        if up.stalled:
            up.settle()
        if is_opaque:
            self._owner.go_opaque()

    def _is_sent(self) -> bool:
        """Return whether the request was sent, or is not waited for: a peer has left off, or the reply has begun."""
        up, down = self._link.up, self._link.down
        if self._link.closed or self._owner.is_broken or self._takes_parts:
            return True
        if up.unsent is None and (self.request_ended or up.ended):
            return True
        if self.expects_reply and (self.reply_ended or self._owner.protocol.is_replying):
            return True
        return down.ended or down.held.is_full

    def _await_reply(self) -> None:
        link = self._link
        while not (self.reply_ended or link.down.ended or link.closed):
            link.wait()
