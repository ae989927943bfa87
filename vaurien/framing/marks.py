"""What a protocol says of a stream: at which position a message ends, and which kind of message it is."""

from __future__ import annotations

from collections.abc import Sequence

#: Something happened at a position of a stream: kind, position.
Mark = tuple[int, int]

#: Upstream: a whole request ends here.
REQUEST = 1
#: Upstream: the head of a request ends here, its body goes on.
HEAD = 2
#: Upstream: the request whose head was marked ends here.
END = 3
#: Upstream: the request last opened gets no reply.
UNANSWERED = 4
#: Downstream: a reply ends here.
REPLY = 5
#: Downstream: something that is no reply ends here: a 1xx, a push.
INTERIM = 6
#: Downstream: the backend speaks first: an exchange is open whose request is empty; a REPLY mark ends it.
GREETING = 8
#: Downstream: the backend asks here for more of the oldest request, which goes on up to the next END.
PROMPT = 9
#: Either: framing ends here; what follows is opaque. `BaseProtocol.opaque` says why.
OPAQUE = 7

#: No mark at all, shared.
NOTHING: Sequence[Mark] = ()
