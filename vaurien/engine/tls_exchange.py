"""One exchange in which the client asks for TLS, whether it drew a behavior or not."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from gevent import getcurrent

from vaurien.behaviors.dummy import Dummy
from vaurien.engine.end import LinkEnd
from vaurien.engine.exchange import Exchange, Released
from vaurien.protocols.upgrade import Upgrade, Upgrading

if TYPE_CHECKING:
    from vaurien.engine.dispatcher import Dispatcher

logger = logging.getLogger(__name__)


class TLSExchange(Exchange):
    """Applies a behavior, if there is one, and then answers in the backend's place and has TLS begin."""

    def __init__(self, owner: Dispatcher, behavior: Dummy | None, *, expects_reply: bool) -> None:
        super().__init__(owner, behavior or Dummy(), expects_reply=expects_reply)
        self._is_fault = behavior is not None
        self._upgrade = Upgrade()

    def _note_fault(self) -> None:
        if self._is_fault:
            super()._note_fault()

    def let_go(self) -> None:
        """End the behavior, which is no longer armed; TLS begins all the same."""
        greenlet = self._greenlet
        if not self._is_fault or self.sending or self._is_lingering or greenlet is getcurrent():
            return
        if greenlet is not None:
            greenlet.kill(Released(), block=False)
            if not greenlet.dead:
                return
        self.behavior, self._is_fault = Dummy(), False
        if greenlet is not None:  # it had not begun to run, and now never will
            self.begin()

    def _give_up(self) -> None:
        try:
            if not (self._touched or self.sending):
                self._let_pass(*self._make_ends())
                return
        except OSError:
            pass
        self._link.close()

    def _note_over(self) -> None:
        if self._is_fault:
            super()._note_over()

    def _let_pass(self, client: LinkEnd, backend: LinkEnd) -> None:
        protocol = self._owner.protocol
        assert isinstance(protocol, Upgrading)
        self._upgrade = upgrade = protocol.upgrade()
        if upgrade.reset:
            backend.ask(upgrade.reset)
        self._touched = False
        super()._let_pass(client, backend)
        self._link.down.release()
        is_granted = upgrade.client and not self._touched and not self._link.closed
        if is_granted:
            self._secure_client(protocol.take_early())
        protocol.on_upgraded(client=is_granted)

    def _send_held(self) -> None:
        """Answer the request, which is whole, in the backend's place."""
        link, upgrade = self._link, self._upgrade
        if upgrade.question or upgrade.problem:
            link.secure_backend(upgrade.question, upgrade.problem)
        if upgrade.passes:
            super()._send_held()
            return
        self._make_ends()[0].skip_message()
        self._touched = False
        if upgrade.reply:
            link.down.arrive(upgrade.reply)

    def _secure_client(self, early: bytes) -> None:
        if early and not self._upgrade.early:
            logger.warning('link %d: no TLS with the client: it has not waited for the answer', self._link.number)
            self._link.close()
            return
        self._link.secure_client(early)
