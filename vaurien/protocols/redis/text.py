"""Texts of Redis: what a request is called in logs and patterns, and what a server says of an error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from vaurien.errors import OptionError
from vaurien.framing.head import TEXT_MAX, escape
from vaurien.protocols.redis.heads import read_head
from vaurien.protocols.redis.small import ARGUMENTS, SIZES
from vaurien.protocols.redis.values import CRLF

#: Commands whose first argument may be, or stand beside, a secret.
_SECRET = {b'AUTH', b'MIGRATE'}
#: Commands whose text, or head, is not made of the first two arguments.
_UNUSUAL = {*_SECRET, b'CLIENT'}
#: First lines of requests of more than one argument.
_SEVERAL = {line for line, sizes in ARGUMENTS.items() if len(sizes) > 1}

#: Words in upper case with which texts of the kind ERR begin, in Redis 7.0.
_NO_KINDS = (
    'A AOF BY CONFIG COUNT DB DEBUG DISCARD DUMP EXEC FAILOVER GET GT I INCR LIMIT MAXLEN MONITOR MOVE MULTI NX OPTIN '
    'PREFIX PSUBSCRIBE RANK REPLICAOF RESP RESP2 SELECT SHUTDOWN SSUBSCRIBE STORE SUBSCRIBE SWAPDB SYNC WAIT WATCH XX'
)
#: The kind of an error ("Simple errors"): its first word, in upper case.
_KIND = re.compile(rf'(?!({_NO_KINDS.replace(" ", "|")}) )[A-Z][A-Z0-9]*(?: |$)')
#: What the server says (server.c, createSharedObjects; cluster.c, clusterRedirectClient).
_MESSAGES = {
    text.partition(' ')[0]: text
    for text in (
        'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.',
        'CLUSTERDOWN The cluster is down',
        "CROSSSLOT Keys in request don't hash to the same slot",
        'EXECABORT Transaction discarded because of previous errors.',
        'LOADING Redis is loading the dataset in memory',
        "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
        "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. "
        'Commands that may modify the data set are disabled, because this instance is configured to report errors '
        'during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). '
        'Please check the Redis logs for details about the RDB error.',
        'NOAUTH Authentication required.',
        'NOPROTO unsupported protocol version',
        'NOREPLICAS Not enough good replicas to write.',
        'NOSCRIPT No matching script. Please use EVAL.',
        "OOM command not allowed when used memory > 'maxmemory'.",
        "READONLY You can't write against a read only replica.",
        'TRYAGAIN Multiple keys request during rehashing of slot',
        'WRONGPASS invalid username-password pair or user is disabled.',
        'WRONGTYPE Operation against a key holding the wrong kind of value',
    )
}
_REDIRECTIONS = {'MOVED', 'ASK'}
#: Kinds of errors that EXEC is answered as they are (``clusterRedirectClient``, ``execCommandAbort``).
_UNCHANGED = {*_REDIRECTIONS, 'CLUSTERDOWN', 'CROSSSLOT', 'EXECABORT', 'TRYAGAIN'}
_REDIRECTION = re.compile(r'[A-Z]+ \d+ \S*:\d+')


def describe(request: bytes) -> str:
    """Return command and first argument (``SET user:1``), escaped; of commands that carry secrets, the name alone.

    Return an empty text if *request* does not begin with the head of a command.
    """
    parts = request.split(CRLF, 5)
    # The quick way: small arguments, the first two of which are what they say.
    if len(parts) == 6 and parts[0] in _SEVERAL and SIZES.get(parts[1]) == len(parts[2]):
        name = parts[2].upper()
        if name not in _UNUSUAL and SIZES.get(parts[3]) == len(parts[4]):
            return escape(b'%b %b' % (name, parts[4]))[:TEXT_MAX]
    return _describe_any(request)


def _describe_any(request: bytes) -> str:
    try:
        head = read_head(request, 0)
    except ValueError:
        head = None
    if head is None or not head.words:
        return ''
    name = head.words[0].upper()
    words = [name] if name in _SECRET else [name, *head.words[1:2]]
    return escape(b' '.join(word[:TEXT_MAX] for word in words))[:TEXT_MAX]


def read_name(request: bytes) -> bytes:
    """Return the name of the command, in upper case; of what is no request, nothing."""
    try:
        head = read_head(request, 0)
    except ValueError:
        return b''
    return head.words[0].upper() if head and head.words else b''


def check_message(choice: Mapping[str, Any]) -> None:
    """Raise `OptionError` for a redirection without its target, which clients cannot read."""
    message = choice.get('message', '')
    if message.partition(' ')[0] in _REDIRECTIONS and not _REDIRECTION.fullmatch(message):
        raise OptionError('expected a slot and an address, such as MOVED 1234 127.0.0.1:6381', 'message')


def find_kind(message: str) -> str:
    """Return the kind of an error with that *message*."""
    return message.partition(' ')[0] if _KIND.match(message) else 'ERR'


def complete(message: str) -> str:
    """Return the text of an error: *message* begins with its kind, or is one, or is of the kind ERR."""
    return _MESSAGES.get(message, message if _KIND.match(message) else f'ERR {message}')


@lru_cache(64)
def make_error(message: str, is_execution: bool) -> bytes:
    """Return a simple error ("Simple errors") to a command, which is or is not EXEC.

    EXEC is always answered EXECABORT (``rejectCommand`` in server.c), unless the cluster refuses it.
    """
    is_abort = is_execution and find_kind(message) not in _UNCHANGED
    because = f'EXECABORT Transaction discarded because of: {_MESSAGES.get(message, message)}'
    return f'-{because if is_abort else complete(message)}\r\n'.encode()
