"""Putting an error of the protocol in the place of the rest of a reply that has begun well."""

from __future__ import annotations

from vaurien.plugins.end import End
from vaurien.protocols.base import BaseProtocol
from vaurien.protocols.error_answer import carry_out, read_reply
from vaurien.protocols.error_options import Wanted
from vaurien.protocols.partial_reply import pass_up_to


def prepare_to_break_off(protocol: BaseProtocol, client: End, backend: End) -> None:
    """Have the backend be ready to take back what the request is about to do."""
    shown = carry_out(protocol.guard(), backend)
    if shown:
        client.sendall(shown)


def break_off_with_error(protocol: BaseProtocol, client: End, backend: End, wanted: Wanted) -> None:
    """Let the reply pass up to a place; put the error that is *wanted* in the place of the rest, if there is any.

    Have the backend be as if it had come no further.
    """
    assert wanted.place is not None
    finder = protocol.find(wanted.place)
    early = b''
    if protocol.is_guarding:
        reply = read_reply(backend)
        end = finder.feed(reply)
        if finder.left or end == len(reply):
            client.sendall(carry_out(protocol.keep(reply), backend))
            return
        client.sendall(reply[:end])
    else:
        found = pass_up_to(finder, client, backend)
        if found is None:
            return
        passed, rest = found
        client.sendall(passed)
        if not (rest or backend.recv()):
            return
        error = protocol.break_off(finder, **wanted.choice)
        if error.closes:
            client.answer(error)
            return
        early = error.early  # the client may wait for it before it sends the end of the request
        if early:
            client.sendall(early)
        while backend.recv():
            pass
    shown = carry_out(protocol.take_back(**wanted.choice), backend)
    error = protocol.break_off(finder, **wanted.choice)
    error = error._replace(early=shown, data=error.data.removeprefix(early))
    client.answer(protocol.close_behind(error) if wanted.closes else error)
