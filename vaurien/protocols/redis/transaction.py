"""What an error of Redis leaves behind: a transaction that cannot be executed any more, or none.

Sources: https://redis.io/docs/latest/develop/using-commands/transactions/ and ``processCommand``, ``rejectCommand`` in
``server.c``, ``resetClient`` in ``networking.c``, ``flagTransaction`` and ``execCommandAbort`` in ``multi.c``.
"""

from __future__ import annotations

import re

from vaurien.framing.error_reply import INJECTED
from vaurien.protocols.redis import text
from vaurien.protocols.redis.expectations import State

#: No command. It makes a transaction fail, and nothing else.
_NONSENSE = b'*1\r\n$19\r\nINJECTED-BY-VAURIEN\r\n'
_DISCARD = b'*1\r\n$7\r\nDISCARD\r\n'
_UNWATCH = b'*1\r\n$7\r\nUNWATCH\r\n'
#: It uses up what an earlier command has set for the next one alone.
_PING = b'*1\r\n$4\r\nPING\r\n'

#: Commands that are carried out at once (``processCommand``).
_NOT_QUEUED = {b'EXEC', b'DISCARD', b'MULTI', b'WATCH', b'RESET', b'QUIT'}
#: Kinds of errors with which a server rejects a command, before it is queued or carried out (``processCommand``).
_REJECTIONS = {
    *('NOAUTH', 'NOPERM', 'MOVED', 'ASK', 'TRYAGAIN', 'CROSSSLOT', 'CLUSTERDOWN', 'OOM', 'MISCONF', 'READONLY'),
    *('NOREPLICAS', 'MASTERDOWN', 'LOADING', 'BUSY', 'EXECABORT'),
}
#: What it says then in errors of the kind ERR.
_REJECTED = re.compile(
    r'(ERR )?(unknown command|unknown subcommand(?! or)|wrong number of arguments|(\S+ )?command not allowed)', re.I
)


def choose_effect(name: bytes, state: State, message: str) -> bytes:
    """Return what does to a connection in that *state* what such a failure of the command *name* would; or b''."""
    if state.skip:
        return _PING * 2  # CLIENT REPLY SKIP silences the first
    if name == b'EXEC':
        return _DISCARD if state.in_transaction else _UNWATCH
    if state.in_transaction and is_rejection(message):
        return _NONSENSE
    return b'' if state.in_transaction or state.flagged_by in (b'', name) else _PING


def is_rejection(message: str) -> bool:
    """Return whether a server rejects a command with that *message*, before it looks at what the command does.

    The message that nobody has chosen is one.
    """
    return message == INJECTED or text.find_kind(message) in _REJECTIONS or _REJECTED.match(message) is not None


def is_late(name: bytes, state: State, message: str) -> bool:
    """Return whether the command *name* fails with that *message* only at EXEC, which carries out all others."""
    return state.in_transaction and name not in _NOT_QUEUED and not is_rejection(message)


def make_late(message: str) -> bytes:
    """Return a command that is queued and answered with an error."""
    words = b'EVAL', b'return {err=ARGV[1]}', b'0', text.complete(message).encode()
    return b'*%d\r\n' % len(words) + b''.join(b'$%d\r\n%b\r\n' % (len(word), word) for word in words)


def find_state_after(name: bytes, state: State) -> State:
    """Return the state after the command *name* has failed in that *state*."""
    in_transaction = state.in_transaction and name != b'EXEC'
    is_kept = in_transaction or name == state.flagged_by
    return State(in_transaction, state.off, flagged_by=state.flagged_by if is_kept else b'')
