"""What a protocol says of a stream: at which position a message ends, and which kind of message it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

#: Something happened at a position of a stream: kind, position.
Mark = tuple[int, int]

# The kinds are numbered so that a range of them has a meaning: the link compares numbers, for every message.
#: Upstream: a whole request ends here, at which TLS may begin.
UPGRADE = 0
#: Upstream: the head of a request ends here, its body goes on.
HEAD = 1
#: Upstream: a whole request ends here.
REQUEST = 2
#: A kind up to this one opens an exchange: ``kind <= LAST_OPENING``.
LAST_OPENING = REQUEST
#: Upstream: the request whose head was marked ends here.
END = 3
#: Upstream: the request that was opened last gets no reply if it succeeds; `ErrorReply.unasked`: but if it fails.
UNANSWERED = 4
#: Downstream: a reply ends here.
REPLY = 5
#: Downstream: something that is no reply ends here: a 1xx, a push.
INTERIM = 6
#: Downstream: the backend asks here for more of the oldest request, which goes on up to the next END.
PROMPT = 7
#: Downstream: the backend speaks first: an exchange is open whose request is empty; a REPLY mark ends it.
GREETING = 8
#: Either: framing ends here; what follows is opaque. `BaseProtocol.opaque` says why.
OPAQUE = 9
#: Upstream: a further statement of the open request begins here. Only if `BaseProtocol.mark_statements` asked for it.
STATEMENT = 10

#: Downstream: a part of a reply ends here for which the client may wait, for it has not sent all of the request yet.
PART = 11

#: No mark at all, shared.
NOTHING: Sequence[Mark] = ()


class Opaque(NamedTuple):
    """Why the framing of a link has ended."""

    #: For the log: ``upgrade to websocket``, or what was wrong with the bytes.
    reason: str
    #: Whether the bytes did not parse, which is logged as a warning. False: the protocol itself ends there.
    unparsed: bool = False


#: The reasons behind which messages go on as before, where nobody between the two peers can read them.
UNREADABLE = frozenset({'TLS', 'STARTTLS', 'GSSAPI', 'compression'})
