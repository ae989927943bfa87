"""The commands of MySQL and MariaDB, and what they expect ("Command Phase")."""

from __future__ import annotations

# What a request expects: nothing; one packet, whatever it says; a login's dialog; one or more results; what is said of
# a prepared statement; rows alone; a stream that never ends.
NOTHING, PACKET, LOGIN, RESULTS, PREPARED, ROWS_ALONE, REPLICATION, CLONE = range(8)
ENDING = {REPLICATION: 'replication', CLONE: 'clone'}

QUIT, QUERY, PING, CHANGE_USER = 0x01, 0x03, 0x0E, 0x11
PREPARE, EXECUTE, SEND_LONG_DATA, CLOSE, BULK_EXECUTE = 0x16, 0x17, 0x18, 0x19, 0xFA
#: Their names, and MariaDB's own. A server knows no others: it answers with an ERR packet.
COMMANDS = {
    0x00: ('SLEEP', PACKET),
    QUIT: ('QUIT', NOTHING),
    0x02: ('INIT_DB', PACKET),
    QUERY: ('QUERY', RESULTS),
    0x04: ('FIELD_LIST', ROWS_ALONE),
    0x05: ('CREATE_DB', PACKET),
    0x06: ('DROP_DB', PACKET),
    0x07: ('REFRESH', PACKET),
    0x08: ('SHUTDOWN', PACKET),
    0x09: ('STATISTICS', PACKET),
    0x0A: ('PROCESS_INFO', RESULTS),
    0x0C: ('PROCESS_KILL', PACKET),
    0x0D: ('DEBUG', PACKET),
    PING: ('PING', PACKET),
    CHANGE_USER: ('CHANGE_USER', LOGIN),
    0x12: ('BINLOG_DUMP', REPLICATION),
    0x15: ('REGISTER_SLAVE', PACKET),
    PREPARE: ('PREPARE', PREPARED),
    EXECUTE: ('EXECUTE', RESULTS),
    SEND_LONG_DATA: ('SEND_LONG_DATA', NOTHING),
    CLOSE: ('CLOSE', NOTHING),
    0x1A: ('RESET', PACKET),
    0x1B: ('SET_OPTION', PACKET),
    0x1C: ('FETCH', ROWS_ALONE),
    0x1E: ('BINLOG_DUMP_GTID', REPLICATION),
    0x1F: ('RESET_CONNECTION', PACKET),
    0x20: ('CLONE', CLONE),
    BULK_EXECUTE: ('BULK_EXECUTE', RESULTS),
}
EXPECTED = [COMMANDS.get(command, ('', PACKET))[1] for command in range(256)]

#: Commands whose argument is a name, those where it is the number of a statement, and of these what executes it.
NAMED = {0x02, 0x04, 0x05, 0x06}
NUMBERED = {EXECUTE, SEND_LONG_DATA, CLOSE, 0x1A, 0x1C, BULK_EXECUTE}
EXECUTING = {EXECUTE, BULK_EXECUTE}
#: Stands for what was prepared last, for clients that do not wait for its number ("COM_STMT_EXECUTE", MariaDB's).
LATEST = 0xFFFFFFFF
