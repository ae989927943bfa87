"""SMTP: commands and replies with pipelining, DATA, BDAT, AUTH dialogues, STARTTLS.

Sources: RFC 5321, and for extensions RFC 2034 (enhanced codes), 2920 (pipelining), 3030 (BDAT), 3207 (STARTTLS) and
4954 (AUTH).
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta

from vaurien.framing.error_reply import INJECTED, ErrorReply
from vaurien.framing.head import MAX_HEAD, TEXT_MAX, escape
from vaurien.framing.lines import Lines
from vaurien.framing.marks import END, GREETING, HEAD, INTERIM, PROMPT, REPLY, REQUEST, Mark
from vaurien.plugins.options import Line
from vaurien.protocols.base import BaseProtocol

CRLF = b'\r\n'
#: Nothing else ends a message, no bare line feed either (RFC 5321, 4.1.1.4): to see an end where the backend sees none
#: is what SMTP smuggling lives on. A backend that does see one is noticed, see `SMTP._end_reply`.
_END_OF_DATA = b'\r\n.\r\n'
_BORDER = len(_END_OF_DATA) - 1
_GO_AHEAD = b'354 End data with <CR><LF>.<CR><LF>\r\n'

# What the client's next bytes are: a command; nothing yet, because the reply to DATA or AUTH decides what they will be;
# the lines of a message; the answer to a challenge; a chunk of a message.
_COMMANDS, _WAITING, _CONTENT, _ANSWER, _CHUNK = range(5)

# What a request expects.
_ORDINARY, _TO_DATA, _TO_CONTENT, _TO_AUTH, _TO_STARTTLS, _TO_LHLO = range(6)
_EXPECTED = {b'DATA': _TO_DATA, b'AUTH': _TO_AUTH, b'STARTTLS': _TO_STARTTLS, b'LHLO': _TO_LHLO}
#: Replies after which the request goes on.
_PROMPTS = {(_TO_DATA, b'354'), (_TO_AUTH, b'334')}
#: Replies after which the framing ends. In LMTP a message gets one reply a recipient (RFC 2033, 4.2).
_ENDINGS = {(_TO_STARTTLS, b'220'): 'STARTTLS', (_TO_LHLO, b'250'): 'LMTP'}

#: First letters of commands that expect an ordinary reply and that nothing follows on; no other begins with them.
_PLAIN = {b'EHLO', b'HELO', b'MAIL', b'RCPT', b'RSET', b'NOOP', b'QUIT', b'VRFY', b'EXPN', b'HELP'}
#: Commands whose arguments may be shown: any other line may be a password that was sent where none was asked for.
_SHOWN = {*_PLAIN, b'BDAT', b'DATA', b'ETRN', b'LHLO', b'STARTTLS'}
_MECHANISM = re.compile(
    rb'PLAIN|LOGIN|CRAM-MD5|DIGEST-MD5|SCRAM-SHA-(?:1|256|512)(?:-PLUS)?|EXTERNAL|ANONYMOUS|GSSAPI|NTLM|XOAUTH2|OAUTHBEARER'
)
#: How the argument that names a mailbox begins, in whatever case.
_PATH = re.compile(rb'^(?:MAIL FROM|RCPT TO):', re.IGNORECASE)
#: An enhanced code (RFC 3463, 2); commands, and the greeting, whose replies have none (RFC 2034, 4).
_ENHANCED = re.compile(r'[245]\.\d{1,3}\.\d{1,3} ')
_NOT_ENHANCED = {b'', b'EHLO', b'HELO', b'LHLO'}
_BDAT = re.compile(rb'\s*BDAT\s+([0-9]{1,18})(?:\s+LAST)?\s*', re.IGNORECASE)

#: How the last line of a reply begins (RFC 5321, 4.2; the text may be missing), and how any line does.
_LAST_LINES = {b'%d%c' % (code, after) for code in range(200, 600) for after in b' \r\n'}
_LINES = _LAST_LINES | {b'%d-' % code for code in range(200, 600)}


class SMTP(BaseProtocol):
    """SMTP with its extensions. An error is 451, or a *code*; after 421 and in place of a greeting it closes.

    Commands end in a line feed, as servers take them. A link becomes opaque when STARTTLS or LHLO (LMTP) is accepted;
    and when a client does not wait for the reply to DATA or AUTH (RFC 2920, 3.1), which decides what follows.
    """

    name = 'smtp'
    error_options = {
        'code': ('Reply code', Annotated[int, Meta(ge=400, le=599)], 451),
        'message': ('Text', Line, INJECTED),
    }
    greets = True

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        self._chunk = Lines()
        self._held = b''
        self._mode = _COMMANDS
        # The last bytes of a message, where its end may have begun.
        self._border = b''
        self._outstanding: deque[int] = deque()
        # Where the current reply begins, and whether it is under way, as the greeting is from the start.
        self._down_begin = 0
        self._in_reply = True
        # The first four bytes of the current line of a reply.
        self._line = b''

    def feed_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        """See `BaseProtocol.feed_upstream`; RFC 5321, 4.1.1."""
        size = len(data)
        if (
            self._mode
            or self._held
            or data[:4].upper() not in _PLAIN
            or data.find(b'\n') + 1 != size
            or size > MAX_HEAD
        ):
            return self._walk_upstream(data)
        self._up_at = at = self._up_at + size
        self._outstanding.append(_ORDINARY)
        return data, ((REQUEST, at),)

    def _walk_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        """Frame anything: `feed_upstream` without the short cut."""
        self._chunk.left = self.upstream_body
        if self._held:
            data, self._held = self._held + data, b''
        base = self._up_at
        marks: list[Mark] = []
        i = 0
        try:
            while i < len(data):
                if self._mode == _COMMANDS:
                    end = _command_end(data, i)
                    if not end:
                        break
                    self._open(data[i:end], base + end, marks)
                    i = end
                    continue
                i = self._go_on(data, i)
                if self._mode in (_COMMANDS, _WAITING):
                    marks.append((END, base + i))
        except ValueError as error:
            self._end_framing(str(error), base + i, marks, unparsed=True)
            return data, marks
        self._held = data[i:]
        self._up_at = base + i
        self.upstream_body = self._chunk.left
        return data[:i] if self._held else data, marks

    def _open(self, line: bytes, end: int, marks: list[Mark]) -> None:
        """Mark the command *line* that ends at *end*, and note what comes after it and what it expects."""
        verb = _verb(line)
        expected = _EXPECTED.get(verb, _ORDINARY)
        chunk = _BDAT.fullmatch(line) if verb == b'BDAT' else None
        if chunk:
            self._chunk.left = int(chunk[1])
        if self._chunk.left:
            self._mode = _CHUNK
        elif expected in (_TO_DATA, _TO_AUTH):
            self._mode = _WAITING
        self._outstanding.append(expected)
        marks.append((HEAD if self._chunk.left else REQUEST, end))

    def _go_on(self, data: bytes, i: int) -> int:
        """Pass over what follows on a command, from *i* on; where that, or *data*, ends. Raises ValueError."""
        if self._mode == _CONTENT:
            return self._pass_content(data, i)
        if self._mode == _ANSWER:
            end = data.find(b'\n', i) + 1
            if end:
                self._mode = _WAITING
            return end or len(data)
        if self._mode == _WAITING:
            raise ValueError('the client did not wait for the reply to DATA or AUTH')
        i = self._chunk.stretch(data, i)
        if not self._chunk.left:
            self._mode = _COMMANDS
        return i

    def _pass_content(self, data: bytes, i: int) -> int:
        """Look for the end of a message, which may have begun before *data* (RFC 5321, 4.1.1.4 and 4.5.2)."""
        border = self._border
        begun = (border + data[i : i + _BORDER]).find(_END_OF_DATA)
        found = data.find(_END_OF_DATA, i) if begun < 0 else i + begun - len(border)
        if begun < 0 and found < 0:
            self._border = (border + data[max(i, len(data) - _BORDER) :])[-_BORDER:]
            return len(data)
        self._mode = _COMMANDS
        return found + len(_END_OF_DATA)

    def end_upstream(self) -> bytes:
        """Give what was held back."""
        held, self._held = self._held, b''
        return held

    def feed_downstream(self, data: bytes) -> Sequence[Mark]:
        """See `BaseProtocol.feed_downstream`; RFC 5321, 4.2."""
        outstanding = self._outstanding
        if (
            self._in_reply
            or not outstanding
            or outstanding[0]
            or data[:4] not in _LAST_LINES
            or data.find(b'\n') + 1 != len(data)
        ):
            return self._walk_downstream(data)
        outstanding.popleft()
        self._down_at = at = self._down_at + len(data)
        return ((REPLY, at),)

    def _walk_downstream(self, data: bytes) -> Sequence[Mark]:
        """Frame anything: `feed_downstream` without the short cut."""
        base = self._down_at
        marks: list[Mark] = []
        if not base:
            self._outstanding.appendleft(_ORDINARY)
            marks.append((GREETING, 0))
        self._down_at += len(data)
        i = 0
        try:
            while i < len(data):
                if not self._in_reply:
                    self._in_reply = True
                    self._down_begin = base + i
                if len(self._line) < 4:
                    self._line += data[i : i + 4 - len(self._line)]
                    if len(self._line) < 4:
                        break
                    if self._line not in _LINES:
                        raise ValueError(f'a reply that begins with {escape(self._line)!r}')
                end = data.find(b'\n', i) + 1
                if not end:
                    break
                i = end
                line, self._line = self._line, b''
                if line in _LAST_LINES:
                    self._in_reply = False
                    if not self._end_reply(line[:3], base + i, marks):
                        break
        except ValueError as error:
            self._end_framing(str(error), self._down_begin, marks, unparsed=True)
        return marks

    def _end_reply(self, code: bytes, position: int, marks: list[Mark]) -> bool:
        """Mark a reply with this *code*; False: framing ends with it. Raises ValueError."""
        if not self._outstanding:
            marks.append((INTERIM, position))
            return True
        expected = self._outstanding[0]
        if (expected, code) in _PROMPTS:
            if expected == _TO_DATA:
                self.on_prompted()
            else:
                self._mode = _ANSWER
            marks.append((PROMPT, position))
            return True
        # A server that is about to leave may say so at any time (RFC 5321, 3.8).
        if expected == _TO_CONTENT and self._mode == _CONTENT and code != b'421':
            raise ValueError('a reply to a message before its end')
        self.withdraw()
        marks.append((REPLY, position))
        if (expected, code) not in _ENDINGS:
            return True
        self._end_framing(_ENDINGS[expected, code], position, marks)
        return False

    def on_prompted(self) -> None:
        """The client was told to send its message."""
        self._outstanding[0] = _TO_CONTENT
        self._mode = _CONTENT
        self._border = CRLF

    def withdraw(self) -> None:
        """Expect no more of the oldest request; if the client was waiting for what it brings, commands go on."""
        if self._outstanding and self._outstanding.popleft() in (_TO_DATA, _TO_AUTH):
            self._mode = _COMMANDS

    def describe(self, request: bytes) -> str:
        """The command line (``RCPT TO:<a@example.com>``), escaped; AUTH with its mechanism alone."""
        if not request:
            return 'banner'
        verb, *arguments = request.partition(b'\n')[0].split(None, 1) or [b'']
        verb = verb.upper()
        if verb == b'AUTH':
            mechanism = _MECHANISM.fullmatch(b''.join(arguments).upper().partition(b' ')[0].strip())
            arguments = [mechanism[0]] if mechanism else []
        elif verb not in _SHOWN:
            return super().describe(request)
        line = _PATH.sub(lambda match: match[0].upper(), b' '.join([verb, *arguments]))
        return escape(line[:TEXT_MAX].rstrip())[:TEXT_MAX]

    def error(self, code: int = 451, message: str = INJECTED) -> ErrorReply:
        """A reply with *code*; to DATA, once the message was sent. An enhanced code goes before
        *message*, unless it has its own (RFC 3463, 2).

        A greeting is 421, or 554 for a code of 5xx, and the connection closes at once: whoever went on after a 554, as
        RFC 5321, 3.1, lets it, would talk to a backend that has not refused.
        """
        verb = _verb(self.request)
        if not self.request:
            code = 554 if code >= 500 else 421
        enhanced = '4.3.2 ' if code == 421 else f'{code // 100}.3.0 '
        if verb in _NOT_ENHANCED or _ENHANCED.match(message):
            enhanced = ''
        # A message that did not wait for the reply is opaque: the backend, if it got that, would take it for commands.
        closes = code == 421 or not self.request or self.opaque is not None
        prompt = _GO_AHEAD if verb == b'DATA' and self.opaque is None else b''
        return ErrorReply(f'{code} {enhanced}{message}\r\n'.encode(), closes, prompt)


def _verb(request: bytes) -> bytes:
    return b''.join(request.partition(b'\n')[0].split(None, 1)[:1]).upper()


def _command_end(data: bytes, i: int) -> int:
    """Where the command at *i* ends; 0: it is not complete. Raises ValueError where that can be none."""
    if not (data[i : i + 1].isspace() or b' ' < data[i : i + 1] < b'\x7f'):
        raise ValueError(f'a command that begins with {escape(data[i : i + 1])!r}')
    end = data.find(b'\n', i) + 1
    if (end or len(data)) - i > MAX_HEAD:
        raise ValueError(f'a command of more than {MAX_HEAD} bytes')
    return end
