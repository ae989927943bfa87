"""Messages of PostgreSQL: their types and their headers.

Source: https://www.postgresql.org/docs/current/protocol-message-formats.html ("Message Formats").
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from struct import Struct

#: The longest startup packet (MAX_STARTUP_PACKET_LENGTH) and message (MaxAllocSize) PostgreSQL takes.
STARTUP_MAX = 10_000
MESSAGE_MAX = 0x3FFFFFFF

#: A message begins with its type, and its length without that byte; a startup packet with its length, and a code.
unpack_header = Struct('>BI').unpack_from
unpack_number = Struct('>I').unpack_from

# The codes of startup packets that open no session.
CANCEL, SSL, GSSENC = 0x04D2_162E, 0x04D2_162F, 0x04D2_1630
VERSION = 3
#: What a backend answers to SSL or GSSENC that does not grant it.
DENIED = b'N'

# What the client sends.
QUERY, PARSE, BIND, EXECUTE, CLOSE, SYNC, FLUSH, TERMINATE, COPY_DATA, PASSWORD = b'QPBECSHXdp'
#: Query and FunctionCall: a request each.
SIMPLE_REQUESTS = frozenset(b'QF')
#: What a batch of the extended query protocol is made of, Flush and Sync aside.
STEPS = frozenset(b'PBDEC')
#: Of these, what changes for which statement a name stands.
PREPARING = frozenset(b'PC')
OPENING = SIMPLE_REQUESTS | STEPS | {SYNC}
#: CopyDone, CopyFail and the answers to what authentication asks: each ends what the backend asked for.
ANSWERS = frozenset(b'cfp')
EMPTY = frozenset(b'SHXc')
FRONTEND = OPENING | ANSWERS | {FLUSH, TERMINATE, COPY_DATA}

# What the backend sends.
AUTHENTICATION, COMMAND_COMPLETE, DATA_ROW, ERROR_RESPONSE, COPY_IN, COPY_BOTH, READY_FOR_QUERY = b'RCDEGWZ'
#: What says nothing about where a reply ends.
PLAIN = frozenset(b'SKTDCInt123sENAHdcV')
#: How much of a message is looked at.
NEEDED = {**dict.fromkeys(PLAIN | frozenset(b'GWv'), 5), AUTHENTICATION: 9, READY_FOR_QUERY: 6}
#: What authentication waits for: a password, clear or MD5; a token of GSSAPI or SSPI; SASL.
ASKING = {3, 5, 7, 8, 10, 11}

#: A ReadyForQuery, but for its last byte: the status of the transaction, of which there is none, or which has failed.
READY = b'Z\0\0\0\5'
IDLE, FAILED = b'IE'


def make_message(kind: bytes, body: bytes) -> bytes:
    """Return a message of that *kind*, a letter."""
    return kind + (4 + len(body)).to_bytes(4, 'big') + body


def pass_whole(data: bytes, i: int, kinds: AbstractSet[int]) -> int:
    """Return where, from *i* on, the whole messages of these *kinds* end."""
    size = len(data)
    last = size - 5
    unpack = unpack_header
    while i <= last:
        kind, length = unpack(data, i)
        end = i + length + 1
        if kind not in kinds or length < 4 or end > size:
            break
        i = end
    return i
