"""What an error of Redis leaves behind: a transaction that cannot be executed any more, or none.

Sources: https://redis.io/docs/latest/develop/using-commands/transactions/ and ``rejectCommand`` in ``server.c``,
``flagTransaction`` and ``execCommandAbort`` in ``multi.c``.
"""

from __future__ import annotations

from vaurien.protocols.redis import text
from vaurien.protocols.redis.expectations import State

#: No command. It makes a transaction fail, and nothing else.
_NONSENSE = b'*1\r\n$19\r\nINJECTED-BY-VAURIEN\r\n'
_DISCARD = b'*1\r\n$7\r\nDISCARD\r\n'
#: Of two, CLIENT REPLY SKIP uses up the first.
_PINGS = b'*1\r\n$4\r\nPING\r\n' * 2

#: Commands that are carried out at once (``processCommand``).
_NOT_QUEUED = {b'EXEC', b'DISCARD', b'MULTI', b'WATCH', b'RESET', b'QUIT'}
#: Kinds of errors that a command is answered when it is carried out, and never when it is queued.
_LATE = {'WRONGTYPE', 'NOSCRIPT', 'BUSYKEY', 'BUSYGROUP', 'NOGROUP', 'NOTBUSY', 'UNKILLABLE', 'WRONGPASS', 'NOPROTO'}


def choose_effect(name: bytes, state: State) -> bytes:
    """Return what does to a connection in that *state* what a failure of the command *name* would; or b''."""
    if state.skip:
        return _PINGS
    if not state.in_transaction:
        return b''
    return _DISCARD if name == b'EXEC' else _NONSENSE


def is_late(name: bytes, state: State, message: str) -> bool:
    """Return whether the command *name* fails with that *message* only at EXEC, which carries out all others."""
    return state.in_transaction and name not in _NOT_QUEUED and text.find_kind(message) in _LATE


def make_late(message: str) -> bytes:
    """Return a command that is queued and answered with an error."""
    words = b'EVAL', b'return redis.error_reply(ARGV[1])', b'0', text.complete(message).encode()
    return b'*%d\r\n' % len(words) + b''.join(b'$%d\r\n%b\r\n' % (len(word), word) for word in words)


def find_state_after(name: bytes, state: State) -> State:
    """Return the state after the command *name* has failed in that *state*."""
    return State(state.in_transaction and name != b'EXEC', state.off)
