"""What an error of Redis leaves behind: a transaction that cannot be executed any more, or none.

Sources: https://redis.io/docs/latest/develop/using-commands/transactions/ and ``rejectCommand`` in ``server.c``,
``flagTransaction`` and ``execCommandAbort`` in ``multi.c``.
"""

from __future__ import annotations

from vaurien.protocols.redis.expectations import State

#: No command. It makes a transaction fail, and nothing else.
_NONSENSE = b'*1\r\n$19\r\nINJECTED-BY-VAURIEN\r\n'
_DISCARD = b'*1\r\n$7\r\nDISCARD\r\n'
#: Of two, CLIENT REPLY SKIP uses up the first.
_PINGS = b'*1\r\n$4\r\nPING\r\n' * 2

#: Commands that are not queued, whose failure leaves the transaction as it is.
_NOT_QUEUED = {b'DISCARD', b'RESET', b'QUIT'}


def choose_effect(name: bytes, state: State) -> bytes:
    """Return what does to a connection in that *state* what a failure of the command *name* would; or b''."""
    if state.skip:
        return _PINGS
    if not state.in_transaction or state.off or name in _NOT_QUEUED:
        return b''
    return _DISCARD if name == b'EXEC' else _NONSENSE


def find_state_after(name: bytes, state: State) -> State:
    """Return the state after the command *name* has failed in that *state*."""
    return State(state.in_transaction and name != b'EXEC', state.off)
