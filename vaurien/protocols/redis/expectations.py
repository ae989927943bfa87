"""What replies a Redis connection gets to its requests: it depends on those that were sent before."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from vaurien.protocols.redis.heads import Head

# What a request expects: one reply; one that ends the framing, or sets the version, unless it is an error. Below zero:
# that many more replies than the one.
ORDINARY, PUBSUB, MONITOR, REPLICATION, HELLO_2, HELLO_3, RESET = range(7)
_ENDING = {PUBSUB: 'pub/sub', MONITOR: 'MONITOR', REPLICATION: 'replication'}
#: The version that each of those sets that set one.
VERSIONS = {HELLO_2: 2, HELLO_3: 3, RESET: 2}

_HELLO = {b'2': HELLO_2, b'3': HELLO_3}
_EXPECTED = {b'MONITOR': MONITOR, b'SYNC': REPLICATION, b'PSYNC': REPLICATION, b'RESET': RESET}
_SUBSCRIBE = {b'SUBSCRIBE', b'PSUBSCRIBE', b'SSUBSCRIBE'}
_UNSUBSCRIBE = {b'UNSUBSCRIBE', b'PUNSUBSCRIBE', b'SUNSUBSCRIBE'}
_TRANSACTION = {b'MULTI': True, b'EXEC': False, b'DISCARD': False, b'RESET': False}
#: Commands that expect anything but one reply, or change what others do.
SPECIAL = {b'ASKING', b'CLIENT', b'HELLO', b'QUIT', *_EXPECTED, *_SUBSCRIBE, *_UNSUBSCRIBE, *_TRANSACTION}
#: First bytes of errors.
_FAILURE = b'-!'

#: The most requests that change something which are remembered until they are answered.
_REMEMBERED = 1024


class State(NamedTuple):
    """What later requests depend on, beside the version."""

    in_transaction: bool = False
    #: CLIENT REPLY: nothing is answered; the next request is not.
    off: bool = False
    skip: bool = False
    #: Whether QUIT was sent: the server reads nothing behind it.
    has_quit: bool = False
    #: The command, ASKING or CLIENT CACHING, that has set a flag for the next one, or for a transaction.
    flagged_by: bytes = b''


class Confirmations(NamedTuple):
    """The pushes that a subscription of RESP3, or its end, expects: one for each channel.

    In their place, there may be an error, or ``+QUEUED``.
    """

    #: How each of them begins.
    beginning: bytes
    #: How many come behind the next one.
    more: int


class Expectations:
    """What is known of a connection as far as it decides which replies come."""

    __slots__ = (
        '_flagged_by',
        '_off',
        '_outstanding',
        '_skip',
        '_version',
        '_versions',
        'before',
        'client_name',
        'has_quit',
        'in_transaction',
    )

    def __init__(self, outstanding: deque[int | Confirmations], versions: list[int]) -> None:
        """Keep what the requests expect in *outstanding*, the oldest first; those of `VERSIONS` in *versions*, too."""
        self._outstanding = outstanding
        self._version = 2
        self._versions = versions
        #: Whether MULTI was sent.
        self.in_transaction = False
        # CLIENT REPLY: nothing is answered; the next request is not.
        self._off = self._skip = False
        # The command that has set a flag for the next one.
        self._flagged_by = b''
        #: Whether QUIT was sent.
        self.has_quit = False
        #: What the client has called itself last.
        self.client_name = b''
        #: Where each request began that may have changed something and may still be refused, and the state before it.
        self.before: list[tuple[int, State]] = []

    @property
    def _state(self) -> State:
        return State(self.in_transaction, self._off, self._skip, self.has_quit, self._flagged_by)

    @property
    def is_silenced(self) -> bool:
        """Whether the next request may get no reply, or is not read."""
        return self._off or self._skip or self.has_quit

    @property
    def is_changing(self) -> bool:
        """Whether the next request changes the state, whatever it is, or may get no reply."""
        return self.is_silenced or self._is_used_up

    @property
    def _is_used_up(self) -> bool:
        """Whether the next request uses up a flag (``resetClient``)."""
        return bool(self._flagged_by) and not self.in_transaction

    def note(self, head: Head, position: int, chunk: int) -> bool:
        """Note what the request with this *head* at *position* expects; return False if that is no reply.

        It has arrived in the *chunk* at that position.
        """
        name = head.words[0].upper() if head.words else b''
        if name in SPECIAL or self._skip or self._is_used_up:
            if not (self._outstanding or self.is_silenced):  # what came in earlier chunks was answered
                self.before = [change for change in self.before if change[0] >= chunk]
            self.before.append((position, self._state))
            del self.before[:-_REMEMBERED]
        if name == b'RESET':
            self._off = False
            self.client_name = b''
        # An empty request uses up CLIENT REPLY SKIP.
        silent = self._off or (self._skip and not head.empties)
        self._skip = False
        if name in _SUBSCRIBE or name in _UNSUBSCRIBE:
            expected: int | Confirmations | None = self._expect_subscription(name, head.length, silent)
        elif name == b'CLIENT' and not self.in_transaction:
            expected = self._expect_client(head, silent)
        elif silent:
            expected = None
        elif name == b'HELLO':
            expected = self._expect_hello(head.words)
        elif name == b'RESET' or not self.in_transaction:
            expected = _EXPECTED.get(name, ORDINARY)
        else:
            expected = ORDINARY
        self._follow(name)
        if expected is None:
            return False
        self._outstanding.append(expected)
        if expected in VERSIONS:
            self._versions.append(expected)
        return True

    def _follow(self, name: bytes) -> None:
        """Be in the state that a command of that *name* leads to, whatever its arguments are."""
        self.in_transaction = _TRANSACTION.get(name, self.in_transaction)
        self.has_quit = name == b'QUIT'
        if name == b'ASKING':
            self._flagged_by = name
        elif self._is_used_up and name != self._flagged_by:
            self._flagged_by = b''

    def find_state(self, position: int) -> State:
        """Return the state before the request at *position*."""
        later = (state for begin, state in self.before if begin >= position)
        return next(later, self._state)

    def go_back(self, position: int, state: State) -> None:
        """Be in that *state*, before whatever comes behind the request at *position*."""
        self.in_transaction, self._off, self._skip, self.has_quit, self._flagged_by = state
        self.before = [change for change in self.before if change[0] < position]

    def _expect_subscription(self, name: bytes, count: int, silent: bool) -> int | Confirmations | None:
        """Return what a subscription, or its end, of *count* words expects; None if it expects no reply.

        A confirmation comes for each channel, in RESP3 as a push. CLIENT REPLY silences errors only. An end without
        channels is confirmed for all that there are; one is waited for.
        """
        subscribes = name in _SUBSCRIBE
        if subscribes and count < 2:
            return None if silent else ORDINARY
        if self._version_to_be() == 3:
            # What is pushed, and how much comes with it: no message that is published is of the same length.
            return None if silent else Confirmations(b'>3\r\n$%d\r\n' % len(name), max(0, count - 2))
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
        elif head.length == 3 and words[:1] == [b'CACHING']:
            self._flagged_by = b'CLIENT'
        elif head.length == 3 and words[:1] == [b'SETNAME']:
            self.client_name = head.words[2]
        return None if silent else ORDINARY

    def _expect_hello(self, words: Sequence[bytes]) -> int:
        options = iter(words[2:])
        for option in options:
            if option.upper() == b'AUTH':
                next(options, b'')
                next(options, b'')
            elif option.upper() == b'SETNAME':
                self.client_name = next(options, b'')
        return _HELLO.get(words[1] if len(words) > 1 else b'', ORDINARY)

    def _version_to_be(self) -> int:
        """Return the version once all that is outstanding has been answered as asked."""
        return VERSIONS[self._versions[-1]] if self._versions else self._version

    def find_ending(self, first: bytes) -> str | None:
        """Return why framing ends with the reply that begins with *first*; None if it goes on."""
        expected = self._outstanding[0]
        if isinstance(expected, Confirmations):  # in RESP2, because HELLO 3 has failed
            return _ENDING[PUBSUB] if first == b'*' else None
        return None if first in _FAILURE else _ENDING.get(expected)

    def is_confirmation(self, push: bytes) -> bool:
        """Return whether a *push* is what the oldest request expects."""
        expected = self._outstanding[0] if self._outstanding else None
        return isinstance(expected, Confirmations) and push.startswith(expected.beginning)

    def hear(self) -> None:
        """Note that the server has answered although nothing was expected: CLIENT REPLY OFF was refused."""
        self._off = False

    def settle(self, first: bytes) -> bool:
        """Take a value that begins with *first* off what the oldest request expects; return whether that was all."""
        expected = self._outstanding.popleft()
        if isinstance(expected, Confirmations):
            if first != b'>' or not expected.more:
                return True
            self._outstanding.appendleft(expected._replace(more=expected.more - 1))
            return False
        if expected < 0 and first not in _FAILURE:
            self._outstanding.appendleft(expected + 1)
            return False
        if expected in VERSIONS:
            del self._versions[0]
            # HELLO in a transaction is answered +QUEUED, and has changed nothing yet.
            if first in (b'+' if expected == RESET else b'*%'):
                self._version = VERSIONS[expected]
        return True
