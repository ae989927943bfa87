"""What replies a Redis connection gets to its requests: it depends on those that were sent before."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from vaurien.protocols.redis.heads import Head

# What a request expects: one reply; one that ends the framing, or sets the version, unless it is an error. Below zero:
# that many more replies than the one.
ORDINARY, PUBSUB, MONITOR, REPLICATION, HELLO_2, HELLO_3, RESET = range(7)
ENDING = {PUBSUB: 'pub/sub', MONITOR: 'MONITOR', REPLICATION: 'replication'}
_VERSIONS = {HELLO_2: 2, HELLO_3: 3, RESET: 2}

_HELLO = {b'2': HELLO_2, b'3': HELLO_3}
_EXPECTED = {b'MONITOR': MONITOR, b'SYNC': REPLICATION, b'PSYNC': REPLICATION, b'RESET': RESET}
_SUBSCRIBE = {b'SUBSCRIBE', b'PSUBSCRIBE', b'SSUBSCRIBE'}
_UNSUBSCRIBE = {b'UNSUBSCRIBE', b'PUNSUBSCRIBE', b'SUNSUBSCRIBE'}
_TRANSACTION = {b'MULTI': True, b'EXEC': False, b'DISCARD': False, b'RESET': False}
#: Commands that expect anything but one reply, or change what others do.
SPECIAL = {b'CLIENT', b'HELLO', *_EXPECTED, *_SUBSCRIBE, *_UNSUBSCRIBE, *_TRANSACTION}
#: First bytes of errors.
FAILURE = b'-!'


#: The most requests that change something which are remembered until they are answered.
_REMEMBERED = 1024


class State(NamedTuple):
    """What later requests depend on, beside the version."""

    in_transaction: bool = False
    #: CLIENT REPLY: nothing is answered; the next request is not.
    off: bool = False
    skip: bool = False


class Expectations:
    """What is known of a connection as far as it decides which replies come."""

    __slots__ = ('_off', '_outstanding', '_skip', '_version', 'before', 'in_transaction')

    def __init__(self, outstanding: deque[int]) -> None:
        """Keep what the requests expect in *outstanding*, the oldest first."""
        self._outstanding = outstanding
        self._version = 2
        #: Whether MULTI was sent.
        self.in_transaction = False
        # CLIENT REPLY: nothing is answered; the next request is not.
        self._off = self._skip = False
        #: Where each request began that may have changed something and may still be refused, and the state before it.
        self.before: list[tuple[int, State]] = []

    @property
    def is_silenced(self) -> bool:
        """Whether the next request may get no reply."""
        return self._off or self._skip

    def note(self, head: Head, position: int, chunk: int) -> bool:
        """Note what the request with this *head* at *position* expects; return False if that is no reply.

        It has arrived in the *chunk* at that position.
        """
        name = head.words[0].upper() if head.words else b''
        if name in SPECIAL or self._skip:
            if not self._outstanding:  # what came in earlier chunks was answered
                self.before = [change for change in self.before if change[0] >= chunk]
            self.before.append((position, State(self.in_transaction, self._off, self._skip)))
            del self.before[:-_REMEMBERED]
        if name == b'RESET':
            self._off = False
        # An empty request uses up CLIENT REPLY SKIP.
        silent = self._off or (self._skip and not head.empties)
        self._skip = False
        if name in _SUBSCRIBE or name in _UNSUBSCRIBE:
            expected = self._expect_subscription(name, head.length, silent)
        elif name == b'CLIENT' and not self.in_transaction:
            expected = self._expect_client(head, silent)
        elif silent:
            expected = None
        elif name == b'HELLO':
            expected = _HELLO.get(head.words[1] if len(head.words) > 1 else b'', ORDINARY)
        elif name == b'RESET' or not self.in_transaction:
            expected = _EXPECTED.get(name, ORDINARY)
        else:
            expected = ORDINARY
        self.in_transaction = _TRANSACTION.get(name, self.in_transaction)
        if expected is None:
            return False
        self._outstanding.append(expected)
        return True

    def find_state(self, position: int) -> State:
        """Return the state before the request at *position*."""
        later = (state for begin, state in self.before if begin >= position)
        return next(later, State(self.in_transaction, self._off, self._skip))

    def go_back(self, position: int, state: State) -> None:
        """Be in that *state*, before whatever comes behind the request at *position*."""
        self.in_transaction, self._off, self._skip = state
        self.before = [change for change in self.before if change[0] < position]

    def _expect_subscription(self, name: bytes, count: int, silent: bool) -> int | None:
        """Return what a subscription, or its end, of *count* words expects; None if it expects no reply.

        A confirmation comes for each channel, in RESP3 as a push, and CLIENT REPLY does not silence it.
        """
        subscribes = name in _SUBSCRIBE
        if subscribes and count < 2:
            return None if silent else ORDINARY
        if self._version_to_be() == 3:
            return ORDINARY if self.in_transaction else None
        if subscribes:
            return PUBSUB
        return ORDINARY if self.in_transaction else min(ORDINARY, 2 - count)

    def _expect_client(self, head: Head, silent: bool) -> int | None:
        words = [word.upper() for word in head.words[1:3]]
        if head.length == 3 and words[:1] == [b'REPLY']:
            if words[1:] == [b'ON']:
                self._off = silent = False
            elif words[1:] == [b'OFF']:
                self._off = silent = True
            elif words[1:] == [b'SKIP']:
                self._skip = silent = True
        return None if silent else ORDINARY

    def _version_to_be(self) -> int:
        """Return the version once all that is outstanding has been answered as asked."""
        for expected in reversed(self._outstanding):
            if expected in _VERSIONS:
                return _VERSIONS[expected]
        return self._version

    def settle(self, first: bytes) -> bool:
        """Take a value that begins with *first* off what the oldest request expects; return whether that was all."""
        expected = self._outstanding.popleft()
        if expected < 0 and first not in FAILURE:
            self._outstanding.appendleft(expected + 1)
            return False
        # HELLO in a transaction is answered +QUEUED, and has changed nothing yet.
        if expected in _VERSIONS and first in (b'+' if expected == RESET else b'*%'):
            self._version = _VERSIONS[expected]
        return True
