"""One exchange in which the client asks for TLS, whether it drew a behavior or not."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from gevent import getcurrent

from vaurien.behaviors.dummy import Dummy
from vaurien.engine.end import LinkEnd
from vaurien.engine.exchange import Exchange, Released
from vaurien.protocols.upgrade import Upgrade, Upgrading
from vaurien.rules.rule import Rule

if TYPE_CHECKING:
    from vaurien.engine.dispatcher import Dispatcher


class TLSExchange(Exchange):
    """Applies a behavior, if there is one, and then answers in the backend's place and has TLS begin."""

    def __init__(self, owner: Dispatcher, rule: Rule | None, *, expects_reply: bool) -> None:
        super().__init__(owner, rule, expects_reply=expects_reply)
        self._upgrade = Upgrade()
        #: Whether the behavior is at work, and not what would be done without it; whether it is to work no more.
        self._is_behaving = True
        self._is_disarmed = False

    def let_go(self) -> None:
        """End the behavior, which is no longer armed; TLS begins all the same."""
        greenlet = self._greenlet
        if not self._is_behaving:
            self._is_disarmed = True
        if self.rule is None or not self._is_behaving or self._is_lingering or greenlet is getcurrent():
            return
        if greenlet is not None:
            greenlet.kill(Released(), block=False)
            if not greenlet.dead:
                return
        self.leave_rule()
        self.behavior = Dummy()
        if greenlet is not None:  # it had not begun to run, and now never will
            self.begin()

    def _give_up(self) -> None:
        super()._give_up()
        if self._link.closed:
            return
        try:
            if self.sending:
                self._begin_tls()
            else:
                self._let_pass(*self._make_ends())
        except OSError:
            self._link.close_behind(self._link.down)

    def _make_ends(self) -> tuple[LinkEnd, LinkEnd]:
        link = self._link
        return LinkEnd(link, self, link.up, link.down), LinkEnd(link, self, link.down, link.up)

    def _let_pass(self, client: LinkEnd, backend: LinkEnd) -> None:
        protocol = self._owner.protocol
        assert isinstance(protocol, Upgrading)
        self._is_behaving = False
        self._upgrade = protocol.upgrade()
        if self._upgrade.reset:
            backend.ask(self._upgrade.reset)
        with suppress(Released):
            super()._let_pass(client, backend)
        self._begin_tls()

    def _send_held(self) -> None:
        """Answer the request, which is whole, in the backend's place."""
        link, upgrade = self._link, self._upgrade
        if upgrade.question or upgrade.problem:
            link.secure_backend(upgrade.question, upgrade.problem)
        if upgrade.passes:
            super()._send_held()
        else:
            self._make_ends()[0].skip_message()
            if upgrade.reply:
                link.down.arrive(upgrade.reply)
        self._touched = False
        if self._is_disarmed:
            raise Released
        self._is_behaving = True

    def _begin_tls(self) -> None:
        """Begin TLS with the client, if that was granted: if the behavior has not put something else into the reply."""
        protocol, link = self._owner.protocol, self._link
        assert isinstance(protocol, Upgrading)
        self._is_behaving = False
        link.down.release()
        is_granted = self._upgrade.client and not self._touched and not link.closed
        if is_granted:
            early = protocol.take_early()
            if early and not self._upgrade.early:
                text = 'link %d: no TLS with the client: it has not waited for the answer'
                link.runtime.log.warning(text, link.number)
                link.close_behind(link.down)
                return
            link.secure_client(early)
        protocol.on_upgraded(client=is_granted)
