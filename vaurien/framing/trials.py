"""Which faults are worth trying on a request, to find out whether an application survives them."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from vaurien.framing.meaning import Effect


class Kind(str, Enum):
    """The kinds of faults, by what the client and the backend know afterwards."""

    #: The request is not carried out, and the connection is cut.
    REFUSED = 'refused'
    #: The request is carried out, and its reply is lost.
    LOST = 'lost'
    #: There is no reply.
    SILENT = 'silent'
    #: The reply is late: just before the client gives up, or just behind.
    LATE = 'late'
    #: The reply breaks off.
    HALF = 'half'
    #: The backend says no.
    NO = 'no'


#: The effects on which the client cannot know whether something was done.
CHANGING = frozenset({Effect.WRITE, Effect.COMMIT})
#: The effects that a database refuses because of what others do at the same time.
DECIDING = CHANGING | {Effect.READ}
#: The statements of SQL that never leave a row more than there was, so that no key can be there twice.
REMOVING = frozenset({'DELETE', 'DROP', 'TRUNCATE', 'GRANT', 'REVOKE'})


class Trial(NamedTuple):
    """One fault to try."""

    kind: Kind
    #: What is armed for it, as ``--behavior`` has it: ``error(code=503)``. ``{seconds}`` and ``{bytes}`` stand for how
    #: late a reply is, and for where its middle is.
    behavior: str
    #: Tells trials of one kind apart: ``503``. Empty where a protocol has one of that kind.
    detail: str = ''
    #: The effects of the requests that it is for; None: all but CONNECT.
    effects: frozenset[Effect] | None = None
    #: The commands, by which the texts of requests begin in any case, that it is for; None: any. And those that it is
    #: not for.
    commands: frozenset[str] | None = None
    spared: frozenset[str] = frozenset()

    def suits(self, request: str, effect: Effect) -> bool:
        """Return whether a backend could do so to a *request* with that text and *effect*."""
        command = request.partition(' ')[0]
        names = {command, command.upper()}
        return (
            (self.effects is None or effect in self.effects)
            and (self.commands is None or not names.isdisjoint(self.commands))
            and names.isdisjoint(self.spared)
        )


#: What any protocol has. A protocol adds what it says no with.
USUAL_TRIALS = (
    Trial(Kind.REFUSED, 'blackout'),
    Trial(Kind.LOST, 'abort'),
    Trial(Kind.SILENT, 'hang'),
    Trial(Kind.LATE, 'delay(before=false,sleep={seconds})'),
    Trial(Kind.HALF, 'abort(after={bytes} bytes)'),
)

#: What is tried on connections that the application opens, in place of a request.
CONNECTION_TRIALS = (
    Trial(Kind.REFUSED, 'refuse'),
    Trial(Kind.SILENT, 'connect_timeout'),
)
#: What is tried beside that on those that begin with TLS.
TLS_TRIALS = (
    Trial(Kind.REFUSED, 'abort(after=client_hello)', 'in the handshake'),
    Trial(Kind.NO, 'certificate(problem=expired)', 'expired certificate'),
)
