"""What a request means to the backend, and a reply to the client, beyond where they begin and end.

Faults need none of this. It is for whoever judges what an application did: the journal, and the exploration.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

#: So many bytes of a reply's beginning, and of its end, tell what it means.
SHOWN_OF_REPLY = 1024


class Effect(str, Enum):
    """The effect of a request on the backend if it succeeds."""

    #: It sets the connection up, or ends it, or only asks whether the backend is there: HELLO, AUTH, PING, QUIT.
    CONNECT = 'connect'
    READ = 'read'
    WRITE = 'write'
    #: It is a part of something that a later request carries out: RCPT TO, a command behind MULTI, Parse.
    STEP = 'step'
    BEGIN = 'begin'
    COMMIT = 'commit'
    ROLLBACK = 'rollback'


class Meaning(NamedTuple):
    """What one request means."""

    effect: Effect
    #: Whether carrying it out twice leaves what carrying it out once leaves: SET, DELETE, PUT.
    repeatable: bool = True
    #: By what the backend knows it again if it comes twice, such as an Idempotency-Key; empty: it does not.
    key: str = ''


class ReplyClass(str, Enum):
    """The outcome of a request, as its reply has it."""

    OK = 'ok'
    #: The backend has done nothing, for there was nothing to do: ``:0``, nil, UPDATE 0.
    NOTHING = 'nothing'
    ERROR = 'error'
    #: A COMMIT was answered with a rollback.
    ROLLED_BACK = 'rolled back'


class TransactionState(str, Enum):
    """The state of a connection, as far as replies tell it."""

    NONE = 'none'
    OPEN = 'open'
    FAILED = 'failed'


class ReplyMeaning(NamedTuple):
    """What one reply means."""

    kind: ReplyClass
    #: The state of the connection behind it; None if the protocol does not say so in replies.
    transaction: TransactionState | None = None
