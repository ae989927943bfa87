"""The binary protocol of memcached, one head at a time.

Source: https://github.com/memcached/memcached/wiki/BinaryProtocolRevamped; where that is silent, memcached 1.6.18.
"""

from __future__ import annotations

import struct

from vaurien.framing.error_reply import ErrorReply
from vaurien.framing.head import MAX_HEAD
from vaurien.framing.marks import INTERIM, REPLY
from vaurien.protocols.memcache.heads import ANSWERED, SILENT, Head, Part, escape

MAGIC = b'\x80'
_REPLY_MAGIC = 0x81
#: Wiki, "Packet Structure": magic, opcode, length of the key, of the extras, of everything after the header.
_HEADER = struct.Struct('>BBHBxxxI')
_HEADER_SIZE = 24
#: Of a reply without key, extras and CAS: magic, opcode, status, length of the body, opaque.
_ERROR_HEADER = struct.Struct('>BBxxxxHI4s8x')
#: Wiki, "Response Status".
_INTERNAL_ERROR = 0x84
_STATUSES = {'too large': 0x03, 'out of memory': 0x82, 'busy': 0x85, 'temporary failure': 0x86}

#: Wiki, "Command Opcodes", by the names of the text protocol; two that only the servers' source has: gatk, gatkq.
_OPCODES = (
    'get set add replace delete incr decr quit flush_all getq noop version getk getkq append prepend '
    'stats setq addq replaceq deleteq incrq decrq quitq flushq appendq prependq verbosity touch gat gatq 0x1f '
    'sasl_list_mechs sasl_auth sasl_step gatk gatkq'
)
_NAMES = dict(enumerate(_OPCODES.split()))
_STATS = 0x10
_SETS, _DELETE = {0x01, 0x11}, 0x04
NOOP = 0x0A
_QUITS = {0x07, 0x17}
_QUIET = {opcode for opcode, name in _NAMES.items() if name.endswith('q')}
#: Quiet ones that are answered if they fail (wiki, "Set, Add, Replace"). Those that get are not: they say nothing of a
#: miss (wiki, "Get, Get Quietly").
_TOLD = {opcode for opcode in _QUIET - _QUITS if not _NAMES[opcode].startswith(('get', 'gat'))}


def read_request(data: bytes, i: int) -> Head | None:
    """Return the head of the request at *i*: header, extras and key; None if it is not complete.

    Raise ValueError if that is none.
    """
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
    """Return the header of the reply at *i*; None if it is not complete. Raise ValueError if that is none."""
    if data[i] != _REPLY_MAGIC:
        raise ValueError(f'a reply of magic {data[i]:#04x}')
    end = i + _HEADER_SIZE
    if len(data) < end:
        return None
    _, opcode, key, _, body = _HEADER.unpack_from(data, i)
    if opcode == _STATS and key:  # "Stat": one reply for each, the last without a key
        return Part(end, body, 0)
    return Part(end, body, INTERIM if opcode in _QUIET else REPLY)


def read_status(reply: bytes) -> int | None:
    """Return the status of a *reply*; None if it is none of this protocol."""
    return int.from_bytes(reply[6:8], 'big') if reply[:1] == bytes([_REPLY_MAGIC]) else None


def describe(request: bytes) -> str:
    """Return the command and key of a request's head; an empty text if it is none. Secrets may follow on the key."""
    try:
        head = read_request(request, 0)
    except ValueError:
        return ''
    if head is None:
        return ''
    opcode, extras = request[1], request[4]
    name = _NAMES.get(opcode, f'{opcode:#04x}')
    return escape(name.encode() + b' ' + request[_HEADER_SIZE + extras : head.end]).rstrip()


def make_deletion(request: bytes) -> bytes:
    """Return the request that deletes what *request* would set; an empty text if it sets nothing."""
    opcode, extras = request[1], request[4]
    if opcode not in _SETS:
        return b''
    key = request[_HEADER_SIZE + extras :][: int.from_bytes(request[2:4], 'big')]
    return _HEADER.pack(MAGIC[0], _DELETE, len(key), 0, len(key)) + bytes(12) + key


def make_error(request: bytes, message: str) -> ErrorReply:
    """Return an internal error, or what *message* speaks of, in reply to a request's head.

    The connection closes if the request asks for that.
    """
    opcode = request[1]
    status = next((status for words, status in _STATUSES.items() if words in message.lower()), _INTERNAL_ERROR)
    header = _ERROR_HEADER.pack(_REPLY_MAGIC, opcode, status, len(message), request[12:16])
    return ErrorReply(header + message.encode(), opcode in _QUITS, unasked=opcode in _TOLD)
