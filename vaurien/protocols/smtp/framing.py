"""The full way to frame SMTP: any bytes, cut at any places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vaurien.framing.head import MAX_HEAD, escape
from vaurien.framing.lines import Lines
from vaurien.framing.marks import END, GREETING, HEAD, INTERIM, PROMPT, REPLY, REQUEST, Mark
from vaurien.protocols.framed import Framed
from vaurien.protocols.smtp.envelope import BDAT, ENVELOPE, Envelope, is_chunk, is_last_chunk
from vaurien.protocols.smtp.text import read_verb

CRLF = b'\r\n'
#: Nothing else ends a message, no bare line feed either (RFC 5321, 4.1.1.4): to see an end where the backend sees none
#: is what SMTP smuggling lives on. A backend that does see one is noticed, see `FramedSMTP._end_reply`.
_END_OF_DATA = b'\r\n.\r\n'
_BORDER = len(_END_OF_DATA) - 1

# What the client's next bytes are: a command; nothing yet, because the reply to DATA or AUTH decides what they will be;
# the lines of a message; the answer to a challenge; a chunk of a message; a command of LMTP; TLS, if
# that is granted.
COMMANDS, _WAITING, _CONTENT, _ANSWER, _CHUNK, _LMTP_COMMANDS, UPGRADING = range(7)

# What a request expects. In LMTP, some expect what its `Envelope` says: these are remembered as their command lines.
ORDINARY, _TO_DATA, _TO_CONTENT, _TO_AUTH, _TO_STARTTLS, TO_LHLO, TO_EHLO = range(7)
_EXPECTED = {b'DATA': _TO_DATA, b'AUTH': _TO_AUTH, b'STARTTLS': _TO_STARTTLS, b'LHLO': TO_LHLO}
#: Replies after which the request goes on.
_PROMPTS = {(_TO_DATA, b'354'), (_TO_AUTH, b'334')}

#: How the last line of a reply begins (RFC 5321, 4.2; the text may be missing), and how any line does.
LAST_LINES = {b'%d%c' % (code, after) for code in range(200, 600) for after in b' \r\n'}
_LINES = LAST_LINES | {b'%d-' % code for code in range(200, 600)}


class FramedSMTP(Framed[int | bytes]):
    """SMTP with its extensions, and LMTP from an LHLO on.

    Commands end in a line feed, as servers take them. A link becomes opaque when STARTTLS is accepted; and when a
    client does not wait for the reply to DATA or AUTH (RFC 2920, 3.1), which decides what follows.
    """

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(options)
        self._chunk = Lines()
        # What is in `_mode` where a command comes next: with LMTP, the quick way would miss what the envelope needs.
        self._mode = self._commands = COMMANDS
        self._envelope = Envelope()
        # Whether LHLO was accepted; then, how many replies to the current message are still to come, if one has.
        self._is_lmtp = False
        self._replies_left = 0
        # The last bytes of a message, where its end may have begun.
        self._border = b''
        # Where the current reply begins, and whether it is under way, as the greeting is from the start.
        self._down_begin = 0
        self._in_reply = True
        # The first four bytes of the current line of a reply.
        self._line = b''

    # Upstream

    def feed_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        """See `BaseProtocol.feed_upstream`; RFC 5321, 4.1.1."""
        return self._walk_upstream(data)

    def _walk_upstream(self, data: bytes) -> tuple[bytes, Sequence[Mark]]:
        self._chunk.begin_stretch(self.upstream_body)
        if self._held:
            data, self._held = self._held + data, b''
        base = self._up_at
        marks: list[Mark] = []
        i = 0
        try:
            while i < len(data) and self._mode != UPGRADING:
                if self._mode == self._commands:
                    end = _command_end(data, i)
                    if not end:
                        break
                    self._open(data[i:end], base + end, marks)
                    i = end
                    continue
                i = self._go_on(data, i)
                if self._mode in (self._commands, _WAITING):
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
        verb = read_verb(line)
        expected: int | bytes = _EXPECTED.get(verb, ORDINARY)
        if expected == TO_LHLO:
            self._mode = self._commands = _LMTP_COMMANDS
        elif self._commands and verb in ENVELOPE:
            expected = line
        chunk = BDAT.fullmatch(line) if verb == b'BDAT' else None  # RFC 3030, 2
        if chunk:
            self._chunk.begin_stretch(int(chunk[1]))
        if self._chunk.left:
            self._mode = _CHUNK
        elif expected in (_TO_DATA, _TO_AUTH):
            self._mode = _WAITING
        self._outstanding.append(expected)
        marks.append((HEAD if self._chunk.left else REQUEST, end))

    def _go_on(self, data: bytes, i: int) -> int:
        """Pass over what follows on a command, from *i* on; return where that, or *data*, ends."""
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
            self._mode = self._commands
        return i

    def _pass_content(self, data: bytes, i: int) -> int:
        """Look for the end of a message, which may have begun before *data* (RFC 5321, 4.1.1.4 and 4.5.2)."""
        border = self._border
        begun = (border + data[i : i + _BORDER]).find(_END_OF_DATA)
        found = data.find(_END_OF_DATA, i) if begun < 0 else i + begun - len(border)
        if begun < 0 and found < 0:
            self._border = (border + data[max(i, len(data) - _BORDER) :])[-_BORDER:]
            return len(data)
        self._mode = self._commands
        return found + len(_END_OF_DATA)

    # Downstream

    def feed_downstream(self, data: bytes) -> Sequence[Mark]:
        """See `BaseProtocol.feed_downstream`; RFC 5321, 4.2."""
        return self._walk_downstream(data)

    def _walk_downstream(self, data: bytes) -> Sequence[Mark]:
        base = self._down_at
        marks: list[Mark] = []
        if not base:
            self._outstanding.appendleft(ORDINARY)
            marks.append((GREETING, 0))
        self._down_at += len(data)
        i = 0
        try:
            while i < len(data):
                if not self._in_reply:
                    self._in_reply = True
                    self._down_begin = base + i
                end = self._pass_line(data, i)
                if not end:
                    break
                i = end
                line, self._line = self._line, b''
                if line in LAST_LINES:
                    self._in_reply = False
                    if not self._end_reply(line[:3], base + i, marks):
                        break
        except ValueError as error:
            self._end_framing(str(error), self._down_begin, marks, unparsed=True)
        return marks

    def _pass_line(self, data: bytes, i: int) -> int:
        """Note how the line at *i*, or the rest of one, begins; return where it ends, 0 if it is not complete."""
        if len(self._line) < 4:
            self._line += data[i : i + 4 - len(self._line)]
            if len(self._line) < 4:
                return 0
            if self._line not in _LINES:
                raise ValueError(f'a reply that begins with {escape(self._line)!r}')
        return data.find(b'\n', i) + 1

    def _end_reply(self, code: bytes, position: int, marks: list[Mark]) -> bool:
        """Mark a reply with this *code*; return False if framing ends with it."""
        if not self._outstanding:
            marks.append((INTERIM, position))
            return True
        expected = self._outstanding[0]
        if (expected, code) in _PROMPTS:
            self.on_prompted()
            marks.append((PROMPT, position))
            return True
        # A server that is about to leave may say so at any time (RFC 5321, 3.8).
        if expected == _TO_CONTENT and self._mode == _CONTENT and code != b'421':
            raise ValueError('a reply to a message before its end')
        if self._is_lmtp and self._expects_more(expected, code):
            return True
        self._take_off()
        marks.append((REPLY, position))
        if (expected, code) == (TO_LHLO, b'250'):
            self._is_lmtp = True
            self._envelope.clear()
        if (expected, code) != (_TO_STARTTLS, b'220'):
            return True
        self._end_framing('STARTTLS', position, marks)
        return False

    def _expects_more(self, request: int | bytes, code: bytes) -> bool:
        """Return whether more replies follow on one with *code*, and note what it says of the envelope.

        In LMTP, a message has a reply for each recipient (RFC 2033, 4.2).
        """
        if request == _TO_DATA:  # was refused, or it would be _TO_CONTENT
            self.amends = False
        is_message = request == _TO_CONTENT or is_last_chunk(request)
        if is_message:
            left = self._replies_left or max(1, self._envelope.count)
            self._replies_left = left - 1 if code != b'421' else 0
            if self._replies_left:
                return True
            self._envelope.clear()
        elif isinstance(request, bytes) and code.startswith(b'2'):
            self._envelope.note(request)
        return False

    def on_prompted(self) -> None:
        """Expect the rest of the oldest request, which the client was told to send: a message, or a line."""
        if self._outstanding[0] == _TO_AUTH:
            self._mode = _ANSWER
            return
        self._outstanding[0] = _TO_CONTENT
        self._mode = _CONTENT
        self._border = CRLF

    def withdraw(self) -> None:
        """Expect no more of the oldest request. A message takes its envelope with it: see `SMTP.effects`."""
        if self._outstanding and (self._outstanding[0] == _TO_CONTENT or is_chunk(self._outstanding[0])):
            self._envelope.clear()
        self._take_off()

    def _take_off(self) -> None:
        """Take the oldest request off; if the client was waiting for what it brings, commands go on."""
        if self._outstanding and self._outstanding.popleft() in (_TO_DATA, _TO_AUTH):
            self._mode = self._commands


def _command_end(data: bytes, i: int) -> int:
    """Return where the command at *i* ends; 0 if it is not complete. Raise ValueError where that can be none."""
    if not (data[i : i + 1].isspace() or b' ' < data[i : i + 1] < b'\x7f'):
        raise ValueError(f'a command that begins with {escape(data[i : i + 1])!r}')
    end = data.find(b'\n', i) + 1
    if (end or len(data)) - i > MAX_HEAD:
        raise ValueError(f'a command of more than {MAX_HEAD} bytes')
    return end
