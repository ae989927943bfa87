"""What commands of SMTP and LMTP do, and what replies say of that (RFC 5321, 4.1 and 4.2; RFC 2033, 4.2; RFC 3030)."""

from __future__ import annotations

import re

from vaurien.framing.meaning import Effect, Meaning, ReplyClass, ReplyMeaning
from vaurien.protocols.smtp.envelope import is_last_chunk
from vaurien.protocols.smtp.text import read_verb

_WORDS: dict[Effect, bytes] = {
    Effect.CONNECT: b'EHLO HELO LHLO NOOP QUIT HELP STARTTLS AUTH XCLIENT',
    Effect.READ: b'VRFY EXPN',
    Effect.STEP: b'MAIL RCPT BDAT',
    Effect.ROLLBACK: b'RSET',
}
#: A message has nothing by which a server would know it again.
_MESSAGE = Meaning(Effect.WRITE, repeatable=False)
_MEANINGS = {word: Meaning(effect) for effect, words in _WORDS.items() for word in words.split()} | {b'DATA': _MESSAGE}
#: Of a command that nobody knows, nothing is claimed.
_WRITE = Meaning(Effect.WRITE)

#: The code in the last line of a reply.
_CODE = re.compile(rb'^([2-5])\d\d(?: |\r?\n)', re.MULTILINE)
#: A reply breaks off in its code: clients take any more of a line for all of it.
_IN_CODE = 2


def read_meaning(request: bytes) -> Meaning:
    """Return what a command does."""
    if not request:  # the greeting
        return Meaning(Effect.CONNECT)
    verb = read_verb(request)
    return _MESSAGE if verb == b'BDAT' and is_last_chunk(request) else _MEANINGS.get(verb, _WRITE)


def read_reply(tail: bytes) -> ReplyMeaning:
    """Return what the replies say of which there are the last: in LMTP, a message has several."""
    codes = [tail[:1]] if tail.find(b'\n') == len(tail) - 1 else _CODE.findall(tail)
    is_failure = bool(codes) and all(code in b'45' for code in codes)
    return ReplyMeaning(ReplyClass.ERROR if is_failure else ReplyClass.OK)


def find_middle(size: int) -> int:
    """Return where a reply of that *size* is to break off."""
    return min(_IN_CODE, max(size - 1, 0))
