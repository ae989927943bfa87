"""The port of a proxy: where it listens, moves to, and keeps others out while the proxy is disabled."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from vaurien.address import Address
from vaurien.engine.listener import Listener
from vaurien.engine.lookup import look_up_listening
from vaurien.plugins.stage import Door


class Port:
    """Listens for a proxy, or does not."""

    def __init__(
        self, address: Address, make_listener: Callable[[Sequence[Address]], Listener], find_door: Callable[[], Door]
    ) -> None:
        """*make_listener* returns a listener that has not started; *find_door* tells how clients are answered."""
        #: Where it listens, or will.
        self.addresses: tuple[Address, ...] = (address,)
        self._make_listener = make_listener
        self._find_door = find_door
        self._listener: Listener | None = None
        #: The listener that keeps the port while the proxy is disabled, and refuses clients.
        self._kept: Listener | None = None

    @property
    def is_open(self) -> bool:
        """Whether it listens."""
        return self._listener is not None

    def set_addresses(self, addresses: Sequence[Address]) -> None:
        """Listen at *addresses* from the next time on."""
        self.addresses = tuple(addresses)

    def open(self, addresses: Sequence[Address]) -> None:
        """Listen at *addresses*, whose names were looked up; raise `OSError`."""
        self._listener = self._listen(addresses)

    def close(self, *, keeps: bool = False) -> None:
        """Listen no more. If it *keeps* the port, nobody else can listen there."""
        if not keeps:
            self._close_listener()
            self._release()
        elif self._listener is not None:
            self._listener.set_door(Door.CLOSED)
            self._kept, self._listener = self._listener, None

    def move(self, addresses: Sequence[Address]) -> None:
        """Listen elsewhere; raise `OSError`, and listen where it did, if that is not possible."""
        before = self._listener
        with self.giving_way(addresses[0]):
            self.open(look_up_listening(addresses))
        if before is not None:
            before.close()

    @contextmanager
    def giving_way(self, address: Address) -> Iterator[None]:
        """Leave the port to another listener at *address* for a block; take it again if the block raises.

        Two hosts may exclude each other on one port: 127.0.0.1 and every address of the machine.
        """
        if self._listener is None or address.port != self.addresses[0].port:
            yield
            return
        self._listener.close()
        try:
            yield
        except BaseException:
            self._listener = self._listen(self.addresses)
            raise

    def answer(self) -> None:
        """Answer clients from now on as what is armed wants it."""
        if self._listener is not None:
            self._listener.set_door(self._find_door())

    def rest(self, reason: str) -> None:
        """Accept nobody for a moment."""
        if self._listener is not None:
            self._listener.rest(reason)

    def resume(self) -> None:
        """Accept clients again, now that there is room for them."""
        if self._listener is not None:
            self._listener.resume()

    def leave_to_parent(self) -> None:
        """Close this process's copies of the descriptors, for it is a child of a fork."""
        for listener in (self._listener, self._kept):
            if listener is not None:
                listener.leave_to_parent()

    def _listen(self, addresses: Sequence[Address]) -> Listener:
        if self._kept is not None and self._kept.addresses == tuple(addresses):
            kept, self._kept = self._kept, None
            self._open_door(kept)
            return kept
        self._release()
        listener = self._make_listener(addresses)
        self._open_door(listener)
        listener.start()
        self.addresses = listener.addresses
        return listener

    def _open_door(self, listener: Listener) -> None:
        try:
            listener.set_door(self._find_door())
        except BaseException:  # such as there being no descriptor for it
            listener.close()
            raise

    def _close_listener(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _release(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None
