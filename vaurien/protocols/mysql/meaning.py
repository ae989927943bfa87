"""What requests of MySQL and MariaDB do, and what their replies say of that.

Sources: "OK_Packet", "EOF_Packet", "ERR_Packet", "COM_STMT_PREPARE Response" of the pages that `packets` names.
"""

from __future__ import annotations

import re

from vaurien.framing.meaning import Effect, Meaning, ReplyClass, ReplyMeaning, TransactionState
from vaurien.framing.sql_meaning import SQLMeanings
from vaurien.framing.statements import Statements
from vaurien.protocols.mysql.commands import EXECUTING, PREPARE, QUERY, SEND_LONG_DATA
from vaurien.protocols.mysql.dialect import DIALECT
from vaurien.protocols.mysql.packets import (
    IN_TRANSACTION,
    PROGRESS,
    read_eof_status,
    read_length,
    read_number,
    read_ok_status,
)
from vaurien.protocols.mysql.requests import HEAD_MAX
from vaurien.protocols.mysql.text import read_query
from vaurien.protocols.mysql.transaction import ROLLING_BACK

_MEANINGS = SQLMeanings(DIALECT)
#: What commands do that have no statement; others are about the connection. PREPARE, and parts of what is executed;
#: FIELD_LIST, PROCESS_INFO, FETCH; CREATE_DB, DROP_DB, REFRESH, SHUTDOWN, PROCESS_KILL.
_EFFECTS = {
    **dict.fromkeys((PREPARE, SEND_LONG_DATA), Effect.STEP),
    **dict.fromkeys((0x04, 0x0A, 0x1C), Effect.READ),
    **dict.fromkeys((0x05, 0x06, 0x07, 0x08, 0x0C), Effect.WRITE),
}
#: Where the last packet of a reply may begin whose beginning is not there: what ends rows, an OK, an ERR.
_LAST = re.compile(rb'(?=..\0.[\0\xfe\xff])', re.DOTALL)
#: What rows end with, an EOF packet or an OK packet in its place, and its status.
_ROWS = re.compile(rb'(?:\x05\0\0.\xfe..(..)|\x07\0\0.\xfe\0\0(..)..)\Z', re.DOTALL)
_ROWS_END = 11
#: How long the first packet is of what PREPARE is answered, which begins like an OK packet and is none.
_PREPARED_SIZE = 12
#: How the packets begin that say what became of a request; and how long that is at least which ends rows and is no EOF.
_OK, _EOF, _ERR = b'\0', b'\xfe', b'\xff'
_EOF_OK_MIN = 7


def read_meaning(request: bytes, statements: Statements, capabilities: int) -> Meaning:
    """Return what *request* does: what its statements do, if it executes some."""
    packet = request[4:]
    if request[3:4] != b'\0' or not packet:  # a greeting, or a login
        return Meaning(Effect.CONNECT)
    command = packet[0]
    if command == QUERY:
        return _MEANINGS.find(read_query(packet, capabilities), is_whole=is_whole(request, statements))
    if command not in EXECUTING:
        return Meaning(_EFFECTS.get(command, Effect.CONNECT))
    statement = statements.find_bytes(int.from_bytes(packet[1:5], 'little'))
    if not statement:  # nobody knows
        return Meaning(Effect.WRITE)
    return _MEANINGS.find(statement, is_whole=is_whole(request, statements))


def is_whole(request: bytes, statements: Statements) -> bool:
    """Return whether all of the statement is known that *request* executes."""
    if request[4] == QUERY:
        return len(request) >= 4 + read_length(request, 0)
    return len(statements.find_bytes(int.from_bytes(request[5:9], 'little'))) < HEAD_MAX - 1


def read_reply(head: bytes, tail: bytes, meaning: Meaning) -> ReplyMeaning:
    """Return what a reply says, by its first packet and its last."""
    rows = _ROWS.search(tail[-_ROWS_END:]) if len(head) > 4 and _OK < head[4:5] < b'\xfb' else None
    if rows:  # so are most: the end of a result
        status = int.from_bytes(rows[1] or rows[2], 'little')
        return ReplyMeaning(ReplyClass.OK, TransactionState.OPEN if status & IN_TRANSACTION else TransactionState.NONE)
    packets, is_whole = _split(head)
    first = packets[0] if packets else b''
    last = packets[-1] if packets and is_whole else _find_last(tail)
    for packet in (first, last):
        if packet[:1] == _ERR and packet[1:3] != PROGRESS:
            has_ended = int.from_bytes(packet[1:3], 'little') in ROLLING_BACK
            return ReplyMeaning(ReplyClass.ERROR, TransactionState.NONE if has_ended else None)
    if meaning.effect is Effect.STEP and last is first and len(first) == _PREPARED_SIZE:
        return ReplyMeaning(ReplyClass.OK)
    # That nothing was changed is also said of definitions, which may be repeated.
    counts = is_whole and meaning.effect is Effect.WRITE and not meaning.repeatable
    is_nothing = counts and all(_read_count(packet) == 0 for packet in packets)
    return ReplyMeaning(ReplyClass.NOTHING if is_nothing else ReplyClass.OK, _read_state(last))


def _read_state(packet: bytes) -> TransactionState | None:
    """Return the state that the last *packet* of a reply tells."""
    try:
        if packet[:1] == _OK or (packet[:1] == _EOF and len(packet) >= _EOF_OK_MIN):
            status = read_ok_status(packet)
        elif packet[:1] == _EOF:
            status = read_eof_status(packet)
        else:
            return None
    except ValueError:
        return None
    return TransactionState.OPEN if status & IN_TRANSACTION else TransactionState.NONE


def _read_count(packet: bytes) -> int | None:
    """Return to how many rows an OK packet says that something was done; None for any other."""
    try:
        return read_number(packet, 1)[0] if packet[:1] == _OK else None
    except ValueError:
        return None


def _split(data: bytes) -> tuple[list[bytes], bool]:
    """Return the payloads of the packets in *data*, the last of which may be cut short, and whether none is."""
    packets = []
    i = 0
    while len(data) - i >= 4:
        end = i + 4 + read_length(data, i)
        packets.append(data[i + 4 : end])
        i = end
    return packets, i == len(data)


def _find_last(tail: bytes) -> bytes:
    """Return the payload of the packet that a reply ends with; nothing if that is not to be seen."""
    ends = (last.start() for last in _LAST.finditer(tail))
    return next((tail[i + 4 :] for i in ends if i + 4 + read_length(tail, i) == len(tail)), b'')
