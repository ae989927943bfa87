"""Answering a request, or a statement in it, with an error in the backend's place."""

from __future__ import annotations

from vaurien.framing.effects import Effects, Unanswered
from vaurien.framing.error_reply import ErrorReply
from vaurien.plugins.end import End
from vaurien.protocols.base import BaseProtocol
from vaurien.protocols.error_options import Wanted

#: So much noise is put into a reply.
NOISE_BYTES = 100


def answer_with_error(protocol: BaseProtocol, client: End, backend: End, wanted: Wanted) -> bool:
    """Answer the request with the error that is *wanted*, and have the backend be as if it had answered.

    Return whether it was answered: a request passes if the backend is bound to answer it with an error of its own, or
    if the error is only a part of the reply.
    """
    choice = wanted.choice
    if protocol.lead is not None:
        rest = _pass_lead(protocol, client, backend)
        if rest is not None:
            client.answer(ErrorReply(rest))
            return True
    elif not protocol.would_fail(**choice):
        return False
    reply = protocol.error(**choice)
    if reply.whole or not reply.closes:
        shown = carry_out(protocol.effects(**choice), backend)
        if shown:
            client.sendall(shown)
    if protocol.amends:
        return False
    if reply.waits:
        if not reply.early:
            client.skip_message()
        reply = protocol.error(**choice)  # now the protocol may know more: the number of the next packet
    client.answer(protocol.close_behind(reply) if wanted.closes else reply)
    return True


def amend_reply(protocol: BaseProtocol, client: End, backend: End, wanted: Wanted) -> None:
    """Put the error into the reply to a request that was let pass, if that is where it belongs."""
    if protocol.amends:
        client.answer(ErrorReply(protocol.amend(read_reply(backend)), wanted.closes))


def read_reply(backend: End) -> bytes:
    """Return the reply when all of it has come."""
    pieces = []
    while piece := backend.recv():
        pieces.append(piece)
    return b''.join(pieces)


def spoil_reply(protocol: BaseProtocol, client: End, backend: End) -> None:
    """Put noise into the middle of the first part of the reply."""
    if reply := backend.recv():
        middle = len(reply) // 2
        client.sendall(reply[:middle] + protocol.random.randbytes(NOISE_BYTES) + reply[middle:])


def _pass_lead(protocol: BaseProtocol, client: End, backend: End) -> bytes | None:
    """Have the backend execute what comes before the statement, and show the client its reply.

    If that has failed by itself, nobody comes to the statement: return the end of the reply. Else return None.
    """
    refusal = protocol.refuse()
    for reply in backend.ask_for(refusal.request):
        shown = refusal.feed(reply)
        if shown:
            client.sendall(shown)
    return None if refusal.is_met else refusal.rest


def carry_out(effects: Effects, backend: End) -> bytes:
    """Ask the backend whatever *effects* yields; return what the client is to see."""
    try:
        request = next(effects)
        while True:
            if isinstance(request, Unanswered):
                backend.sendall(request)
                reply = b''
            else:
                reply = backend.ask(request)
            request = effects.send(reply)
    except StopIteration as end:
        return bytes(end.value)
