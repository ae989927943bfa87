"""What commands of memcached do, and what replies say of that, in either of its protocols."""

from __future__ import annotations

from vaurien.framing.meaning import Effect, Meaning, ReplyClass, ReplyMeaning
from vaurien.protocols.memcache import binary

_WORDS: dict[Effect, str] = {
    Effect.CONNECT: 'version quit verbosity noop mn watch sasl_list_mechs sasl_auth sasl_step',
    Effect.READ: 'get gets gat gats getk gatk mg me stats',
}
_ONCE = Meaning(Effect.WRITE, repeatable=False)
_MEANINGS = {
    **{word: Meaning(effect) for effect, words in _WORDS.items() for word in words.split()},
    **dict.fromkeys(['incr', 'decr', 'append', 'prepend', 'ma'], _ONCE),
}
_STORING = 'set add replace append prepend cas ms setq addq replaceq appendq prependq'
#: What comes with a value, in either protocol.
STORING = frozenset(_STORING.split())
#: What no list has: a write that leaves the same, or of which nobody knows.
_WRITE = Meaning(Effect.WRITE)
#: The modes of ``ms`` that add to what is there (protocol.txt, "Meta Set").
_ADDING = {b'MA', b'MP', b'Ma', b'Mp', b'Mappend', b'Mprepend'}

_ERRORS = (b'ERROR', b'CLIENT_ERROR', b'SERVER_ERROR')
#: By the status of the binary protocol: success; no such key, it exists, not stored (wiki, "Response Status").
_STATUSES = {0: ReplyClass.OK, **dict.fromkeys((1, 2, 5), ReplyClass.NOTHING)}
#: A miss, or a condition that does not hold.
_NOTHING = {word + b'\r\n' for word in (b'END', b'EN', b'NF', b'NS', b'EX', b'NOT_FOUND', b'NOT_STORED', b'EXISTS')}
#: Likewise, with what the command wants to have repeated (protocol.txt, "Meta Commands").
_NOTHING_OF = (b'NF ', b'NS ', b'EX ')


def read_meaning(request: bytes, name: str) -> Meaning:
    """Return what *request*, a command of that *name*, does."""
    if request.startswith(binary.MAGIC):
        name = name.removesuffix('q')  # quiet
    if name == 'ms' and not _ADDING.isdisjoint(request.partition(b'\n')[0].split()[3:]):
        return _ONCE
    return _MEANINGS.get(name, _WRITE)


def read_reply(head: bytes) -> ReplyMeaning:
    """Return what a reply says, by its status or its first word."""
    status = binary.read_status(head)
    if status is not None:
        return ReplyMeaning(_STATUSES.get(status, ReplyClass.ERROR))
    if head.startswith(_ERRORS):
        return ReplyMeaning(ReplyClass.ERROR)
    return ReplyMeaning(ReplyClass.NOTHING if head in _NOTHING or head.startswith(_NOTHING_OF) else ReplyClass.OK)
