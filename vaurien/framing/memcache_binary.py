"""The binary protocol of memcached, one head at a time, and what heads are in either of its protocols.

Source: https://github.com/memcached/memcached/wiki/BinaryProtocolRevamped; where that is silent, memcached 1.6.18.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from vaurien.framing import head
from vaurien.framing.error_reply import ErrorReply
from vaurien.framing.head import MAX_HEAD, TEXT_MAX
from vaurien.framing.marks import INTERIM, REPLY

MAGIC = b'\x80'
_REPLY_MAGIC = 0x81
#: Wiki, "Packet Structure": magic, opcode, length of the key, of the extras, of everything after the header.
_HEADER = struct.Struct('>BBHBxxxI')
_HEADER_SIZE = 24
#: Of a reply without key, extras and CAS: magic, opcode, status, length of the body, opaque.
_ERROR_HEADER = struct.Struct('>BBxxxxHI4s8x')
#: Wiki, "Response Status".
_INTERNAL_ERROR = 0x84
_STATUSES = {'out of memory': 0x82, 'busy': 0x85, 'temporary failure': 0x86}

#: Wiki, "Command Opcodes", by the names of the text protocol; two that only the servers' source has: gatk, gatkq.
_OPCODES = (
    'get set add replace delete incr decr quit flush_all getq noop version getk getkq append prepend '
    'stats setq addq replaceq deleteq incrq decrq quitq flushq appendq prependq verbosity touch gat gatq 0x1f '
    'sasl_list_mechs sasl_auth sasl_step gatk gatkq'
)
_NAMES = dict(enumerate(_OPCODES.split()))
_STATS = 0x10
_QUITS = {0x07, 0x17}
_QUIET = {opcode for opcode, name in _NAMES.items() if name.endswith('q')}

#: What a request expects: one reply; none; nothing or some, before the reply to a request after it; one that begins
#: what is no protocol any more; none, and the end of the connection.
ANSWERED, SILENT, QUIET, WATCH, QUIT = range(5)


class Head(NamedTuple):
    """The beginning of a request: where it ends, the bytes that follow it, and what it expects."""

    end: int
    size: int = 0
    expected: int = ANSWERED
    #: Whether what follows goes on to the end of the line instead.
    is_cut: bool = False


class Part(NamedTuple):
    """A header or line of a reply: where it ends, the bytes that follow it, and the mark due after those, or 0."""

    end: int
    size: int = 0
    kind: int = REPLY


def read_request(data: bytes, i: int) -> Head | None:
    """The head of the request at *i*: header, extras and key; None: it is not complete. Raises ValueError."""
    if data[i : i + 1] != MAGIC:
        raise ValueError(f'a request of magic {data[i]:#04x}')
    if len(data) - i < _HEADER_SIZE:
        return None
    _, opcode, key, extras, body = _HEADER.unpack_from(data, i)
    size = key + extras
    if size > body or _HEADER_SIZE + size > MAX_HEAD:
        raise ValueError(f'a key of {key} bytes and extras of {extras} in a body of {body}')
    end = i + _HEADER_SIZE + size
    return Head(end, body - size, SILENT if opcode in _QUIET else ANSWERED) if end <= len(data) else None


def read_reply(data: bytes, i: int) -> Part | None:
    """The header of the reply at *i*; None: it is not complete. Raises ValueError."""
    if data[i] != _REPLY_MAGIC:
        raise ValueError(f'a reply of magic {data[i]:#04x}')
    end = i + _HEADER_SIZE
    if len(data) < end:
        return None
    _, opcode, key, _, body = _HEADER.unpack_from(data, i)
    if opcode == _STATS and key:  # "Stat": one reply for each, the last without a key
        return Part(end, body, 0)
    return Part(end, body, INTERIM if opcode in _QUIET else REPLY)


def describe(request: bytes) -> str | None:
    """The command and key of a request's head; None: it is not one. What follows the key may be a secret."""
    try:
        head = read_request(request, 0)
    except ValueError:
        head = None
    if head is None:
        return None
    opcode, extras = request[1], request[4]
    name = _NAMES.get(opcode, f'{opcode:#04x}')
    return escape(name.encode() + b' ' + request[_HEADER_SIZE + extras : head.end]).rstrip()


def error(request: bytes, message: str) -> ErrorReply:
    """Internal error, or what *message* speaks of, in reply to a request's head; where it was to be closed, it is."""
    opcode = request[1]
    status = next((status for words, status in _STATUSES.items() if words in message.lower()), _INTERNAL_ERROR)
    header = _ERROR_HEADER.pack(_REPLY_MAGIC, opcode, status, len(message), request[12:16])
    return ErrorReply(header + message.encode(), opcode in _QUITS)


def escape(data: bytes) -> str:
    """*data* as text of a bounded length."""
    return head.escape(data[:TEXT_MAX])[:TEXT_MAX]
