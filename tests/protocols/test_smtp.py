"""SMTP: dialogues of turns, whole and cut at any places; then any bytes at all.

These are the tests of all files in `vaurien/protocols/smtp/`, but for its ``quick.py``: see `test_quick`.
"""

from __future__ import annotations

import base64
import tracemalloc
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given, strategies as st

from tests.protocols import feeding
from vaurien.protocols.base import (
    END,
    GREETING,
    HEAD,
    INTERIM,
    MAX_HEAD,
    OPAQUE,
    PROMPT,
    REPLY,
    REQUEST,
    ErrorReply,
    Mark,
    Opaque,
)
from vaurien.protocols.smtp import SMTP
from vaurien.protocols.smtp.envelope import LINES_MAX

BANNER = b'220 mail.example.com ESMTP\r\n'
OK = b'250 2.0.0 Ok\r\n'
NO = b'550 5.1.1 Unknown\r\n'
EHLO_REPLY = b'250-mail.example.com\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250 CHUNKING\r\n'
GO_AHEAD = b'354 End data with <CR><LF>.<CR><LF>\r\n'
NOOP = b'NOOP\r\n'
MAIL = b'MAIL FROM:<a@example.com> SIZE=3\r\n'
RCPT = b'RCPT TO:<b@example.com>\r\n'
DATA = b'DATA\r\n'
LHLO = b'LHLO x\r\n'
CONTENT = b'Subject: x\r\n\r\nHello\r\n.\r\n'


class Dialogue:
    """Feeds both streams to a protocol as a link does, turn by turn, and keeps everything that it returned."""

    def __init__(self, *pieces: bytes) -> None:
        """Have the backend send *pieces*, or a banner."""
        self.protocol = SMTP()
        self.sent = 0
        self.given = bytearray()
        self.up: list[Mark] = []
        self.received = 0
        self.down: list[Mark] = []
        self.backend(*(pieces or [BANNER]))

    def client(self, *pieces: bytes) -> Dialogue:
        """Have the client send *pieces*."""
        protocol = self.protocol
        for piece in pieces:
            marks: Sequence[Mark] = ()
            out = piece
            self.sent += len(piece)
            if len(piece) < protocol.upstream_body:
                protocol.skip_upstream(len(piece))
            elif not self._ended(self.up) and not self._ended(self.down):
                out, marks = protocol.feed_upstream(piece)
            self.given += out
            feeding.check_positions(self.up, marks)
            self.up += marks
            assert all(position <= len(self.given) for _, position in marks)
            assert 0 <= self.sent - len(self.given) <= MAX_HEAD
        return self

    def backend(self, *pieces: bytes) -> Dialogue:
        """Have the backend send *pieces*."""
        for piece in pieces:
            self.received += len(piece)
            if not self._ended(self.down):
                marks = self.protocol.feed_downstream(piece)
                self.down += marks
                assert all(position <= self.received for _, position in marks)
                if self._ended(self.down):
                    self.given += self.protocol.end_upstream()
        return self

    def end(self) -> bytes:
        """Return everything that went upstream, with what goes on after the client's last byte."""
        self.given += self.protocol.end_upstream()
        assert len(self.given) == self.sent
        return bytes(self.given)

    def answered(self) -> list[int]:
        """Return the kinds of the downstream marks after the banner's."""
        return [kind for kind, _ in self.down[2:]]

    @staticmethod
    def _ended(marks: Sequence[Mark]) -> bool:
        return bool(marks) and marks[-1][0] == OPAQUE


def asked(*requests: bytes) -> Dialogue:
    """Return a dialogue, after the banner, in which the client has sent *requests*."""
    return Dialogue().client(*requests)


REQUESTS = {
    'ehlo': b'EHLO client.example.com\r\n',
    'helo': b'helo x\r\n',
    'mail': MAIL,
    'rcpt': RCPT,
    'rset': b'RSET\r\n',
    'noop': NOOP,
    'quit': b'quit\r\n',
    'vrfy': b'VRFY postmaster\r\n',
    'help': b'HELP\r\n',
    'utf-8': 'RCPT TO:<grün@example.com>\r\n'.encode(),
    'unknown': b'XYZZY\r\n',
    'like data': b'DATAX\r\n',
    'starttls': b'STARTTLS\r\n',
    'lhlo': b'LHLO x\r\n',
    'line feed': b'NOOP\n',
    'carriage returns': b'NOOP \r \r\r\n',
    'space before': b'  NOOP\r\n',
    'nothing': b'\r\n',
    'just a dot': b'.\r\n',
    'empty chunk': b'BDAT 0 LAST\r\n',
    'not a chunk': b'BDAT x\r\n',
    'no chunk': b'BDAT\r\n',
    'not the last': b'BDAT 5 FIRST\r\n',
    'endless chunk': b'BDAT 1234567890123456789\r\n',
    'chunk': b'BDAT 5\r\nab\r\nc',
    'last chunk': b'bdat 3 last\r\n\r\n.',
    'large chunk': b'BDAT 5000 LAST\r\n' + b'x' * 5000,
    'chunk of commands': b'BDAT 12\r\n' + DATA + DATA,
    'longest': b'NOOP ' + b'x' * (MAX_HEAD - 7) + b'\r\n',
}


@pytest.mark.parametrize('request_', REQUESTS.values(), ids=REQUESTS)
class TestRequests:
    def test_whole(self, request_: bytes) -> None:
        given_back, marks = SMTP().feed_upstream(request_)
        assert given_back is request_
        assert feeding.uncut(marks) == [(REQUEST, len(request_))]

    def test_byte_by_byte(self, request_: bytes) -> None:
        given_back, marks = feeding.upstream(SMTP(), feeding.cut(request_, range(3000)))
        assert given_back == request_
        assert feeding.uncut(marks) == [(REQUEST, len(request_))]

    def test_among_others(self, request_: bytes) -> None:
        data = NOOP + request_ + RCPT + request_
        ends = [len(NOOP), len(NOOP + request_), len(NOOP + request_ + RCPT), len(data)]
        for pieces in ([data], feeding.cut(data, range(0, len(data), 7))):
            given_back, marks = feeding.upstream(SMTP(), pieces)
            assert given_back == data
            assert feeding.uncut(marks) == [(REQUEST, end) for end in ends]


def test_incomplete_command_is_held_back() -> None:
    protocol = SMTP()
    assert protocol.feed_upstream(NOOP + MAIL[:9]) == (NOOP, [(REQUEST, len(NOOP))])
    assert protocol.feed_upstream(MAIL[9:-1]) == (b'', [])
    assert protocol.end_upstream() == MAIL[:-1]
    assert protocol.end_upstream() == b''


def test_rest_of_a_command_that_looks_like_one() -> None:
    data = b'HELP ' + NOOP
    assert feeding.upstream(SMTP(), [b'HELP ', NOOP]) == (data, [(REQUEST, len(data))])


def test_chunk_streams() -> None:
    protocol = SMTP()
    line = b'BDAT 1000 LAST\r\n'
    end = len(line) + 1000
    assert protocol.feed_upstream(line + b'x') == (line + b'x', [(HEAD, len(line))])
    assert protocol.upstream_body == 999
    protocol.skip_upstream(500)
    assert protocol.feed_upstream(b'x' * 499 + NOOP)[1] == [(END, end), (REQUEST, end + len(NOOP))]
    assert protocol.upstream_body == 0


REFUSED = {
    'tls': b'\x16\x03\x01\x02\x00\x01',
    'nul': b'\x00\r\n',
    'delete': b'\x7fQUIT\r\n',
    'not ascii': b'\xc3\xa9\r\n',
    'too long': b'NOOP ' + b'x' * (MAX_HEAD - 6) + b'\r\n',
    'far too long': b'x' * 2 * MAX_HEAD,
}


@pytest.mark.parametrize('before', [b'', NOOP, b'BDAT 5\r\nab\r\nc'], ids=['first', 'after noop', 'after a chunk'])
@pytest.mark.parametrize('line', REFUSED.values(), ids=REFUSED)
def test_refused_command_passes_untouched(line: bytes, before: bytes) -> None:
    data = before + line + NOOP
    for pieces in ([data], feeding.cut(data, range(0, len(data), 97))):
        protocol = SMTP()
        given_back, marks = feeding.upstream(protocol, pieces)
        assert given_back == data
        assert feeding.uncut(marks)[-1:] == [(OPAQUE, len(before))]
        assert feeding.is_unparsed(protocol)


def test_refused_command_alone() -> None:
    line = REFUSED['too long']
    assert SMTP().feed_upstream(line) == (line, [(OPAQUE, 0)])


def test_held_command_is_bounded() -> None:
    protocol = SMTP()
    held = 0
    while not protocol.opaque:
        held += 1000
        given_back, _ = protocol.feed_upstream(b'x' * 1000)
        assert given_back == (b'x' * held if protocol.opaque else b'')
    assert MAX_HEAD < held <= MAX_HEAD + 1000


def test_earlier_requests_get_their_replies_after_a_refusal() -> None:
    dialogue = asked(NOOP, RCPT + b'\x00')
    assert feeding.is_unparsed(dialogue.protocol)
    assert dialogue.backend(EHLO_REPLY + OK, OK).answered() == [REPLY, REPLY, INTERIM]


REPLIES = {
    'usual': OK,
    'permanent': NO,
    'lower bound': b'200 \r\n',
    'upper bound': b'599 x\r\n',
    'no text': b'250\r\n',
    'line feed': b'250 Ok\n',
    'no text, line feed': b'250\n',
    'many lines': EHLO_REPLY,
    'many lines without text': b'250-\r\n250\r\n',
    'like an end': b'250-250 Ok\r\n250 250-Ok\r\n',
    'codes differ': b'250-x\r\n550 y\r\n',
    'a long line': b'250-' + b'x' * 2 * MAX_HEAD + b'\r\n250 Ok\r\n',
    'of another time': b'354 go ahead\r\n',
    'no challenge': b'334 \r\n',
    'leaving': b'421 4.3.2 bye\r\n',
    'utf-8': '250 Schön\r\n'.encode(),
}


@pytest.mark.parametrize('reply', REPLIES.values(), ids=REPLIES)
class TestReplies:
    def test_whole(self, reply: bytes) -> None:
        begin = len(BANNER)
        assert asked(NOOP).backend(reply).down[2:] == [(REPLY, begin + len(reply))]

    def test_byte_by_byte(self, reply: bytes) -> None:
        begin = len(BANNER)
        assert asked(NOOP).backend(*feeding.cut(reply, range(3000))).down[2:] == [(REPLY, begin + len(reply))]

    def test_among_others(self, reply: bytes) -> None:
        data = BANNER + reply + OK + reply
        ends = [len(BANNER), len(BANNER + reply), len(BANNER + reply + OK), len(data)]
        for pieces in ([data], feeding.cut(data, range(0, len(data), 7))):
            protocol = SMTP()
            protocol.feed_upstream(NOOP * 3)
            assert feeding.downstream(protocol, pieces) == [(GREETING, 0), *((REPLY, end) for end in ends)]

    def test_greeting(self, reply: bytes) -> None:
        for pieces in ([reply + OK], feeding.cut(reply + OK, range(3000))):
            expected = [(GREETING, 0), (REPLY, len(reply)), (INTERIM, len(reply + OK))]
            assert feeding.downstream(SMTP(), pieces) == expected

    def test_nobody_asked(self, reply: bytes) -> None:
        assert asked(NOOP).backend(OK + reply, reply).answered() == [REPLY, INTERIM, INTERIM]


def test_greeting_is_open_from_its_first_byte() -> None:
    protocol = SMTP()
    assert list(protocol.feed_downstream(b'2')) == [(GREETING, 0)]
    assert list(protocol.feed_downstream(b'20-a\r\n220 b')) == []
    assert list(protocol.feed_downstream(b'\r\n')) == [(REPLY, 14)]


@pytest.mark.parametrize(('line', 'reply', 'kind'), [(NOOP, OK, REPLY), (DATA, GO_AHEAD, PROMPT)])
def test_who_speaks_before_the_greeting_is_answered_after_it(line: bytes, reply: bytes, kind: int) -> None:
    for pieces in ([BANNER, reply], [BANNER + reply]):
        protocol = SMTP()
        protocol.feed_upstream(line)
        expected = [(GREETING, 0), (REPLY, len(BANNER)), (kind, len(BANNER + reply))]
        assert feeding.downstream(protocol, pieces) == expected


def test_rest_of_a_reply_that_looks_like_one() -> None:
    pieces = [b'550-see ', OK, NO]
    assert asked(NOOP, NOOP).backend(*pieces).down[2:] == [(REPLY, len(BANNER + b''.join(pieces)))]


@pytest.mark.parametrize(
    'reply',
    [
        b'HTTP/1.1 400 Bad Request\r\n\r\n',
        b'\x16\x03\x03\x00\x01',
        b'\r\n250 Ok\r\n',
        b'25\r\n',
        b'2500 Ok\r\n',
        b'250_Ok\r\n',
        b'150 Ok\r\n',
        b'600 Ok\r\n',
        b'250-a\r\nb\r\n250 c\r\n',
        b'250-a\r\n250:b\r\n',
    ],
)
def test_refused_reply(reply: bytes) -> None:
    data = OK + reply + OK
    begin = len(BANNER + OK)
    for pieces in ([data], feeding.cut(data, range(100))):
        dialogue = asked(NOOP, NOOP, NOOP).backend(*pieces)
        assert dialogue.down[2:] == [(REPLY, begin), (OPAQUE, begin)]
        assert feeding.is_unparsed(dialogue.protocol)


# Dialogues.


@dataclass
class Script:
    """Turns of a client and a backend, and the expected marks."""

    turns: list[tuple[bytes, bytes]] = field(default_factory=list)
    up: list[Mark] = field(default_factory=list)
    down: list[Mark] = field(default_factory=list)

    def turn(self, requests: Iterable[bytes], replies: Iterable[tuple[int, bytes]]) -> None:
        """Add a turn: the client sends all *requests*, then the backend all *replies*, given with their kinds."""
        requests, replies = list(requests), list(replies)
        sent = sum(len(said) for said, _ in self.turns)
        received = sum(len(said) for _, said in self.turns)
        for request in requests:
            sent += len(request)
            self.up.append((REQUEST, sent))
        for kind, reply in replies:
            received += len(reply)
            self.down.append((kind, received))
        self.turns.append((b''.join(requests), b''.join(reply for _, reply in replies)))

    def check(self, places: Sequence[int] | None) -> Dialogue:
        """Play the turns, cut at *places* or byte by byte, and compare the marks."""
        dialogue = Dialogue()
        for said, answered in self.turns:
            for speak, data in ((dialogue.client, said), (dialogue.backend, answered)):
                speak(*(feeding.single(data) if places is None else feeding.cut(data, places)))
        assert dialogue.end() == b''.join(said for said, _ in self.turns)
        assert feeding.uncut(dialogue.up) == self.up
        begin = len(BANNER)
        assert dialogue.down[2:] == [(kind, begin + position) for kind, position in self.down]
        assert not dialogue.protocol.opaque
        return dialogue


CONTENTS = {
    'usual': CONTENT,
    'empty': b'.\r\n',
    'an empty line': b'\r\n.\r\n',
    'dots': b'..\r\n...\r\n.. \r\n.a\r\n. \r\n.\r\n',
    'line feeds': b'a\n.\nb\r\n.\nc\n.\r\nd\r\n.\r\n',
    'carriage returns': b'\r.\r\r\n.\rx\r.\r\n\r\r\n\r\n.\r\n',
    'not at the start': b'\n.\r\n.x\r\n.\r\n',
    'half an end again and again': b'\r\n.\r\r\n.\r\r\n\r\n..\r\n\r\n.\r\n',
    'commands': DATA + b'QUIT\r\n.\r\n',
    'a long line': b'x' * 3 * MAX_HEAD + b'\r\n.\r\n',
    'binary': bytes(range(256)) + b'\r\n.\r\n',
}


@pytest.mark.parametrize('content', CONTENTS.values(), ids=CONTENTS)
@pytest.mark.parametrize('places', [[], range(0, 10**6, 7), range(3000)], ids=['whole', 'sevens', 'bytes'])
class TestData:
    def test_accepted(self, content: bytes, places: Sequence[int]) -> None:
        script = Script()
        script.turn([MAIL, RCPT, DATA], [(REPLY, OK), (REPLY, OK), (PROMPT, GO_AHEAD)])
        script.turn([content], [(REPLY, OK)])
        script.turn([NOOP], [(REPLY, OK)])
        script.check(places)

    def test_commands_right_after_it(self, content: bytes, places: Sequence[int]) -> None:
        script = Script()
        script.turn([DATA], [(PROMPT, GO_AHEAD)])
        script.turn([content, MAIL, DATA], [(REPLY, OK), (REPLY, OK), (PROMPT, GO_AHEAD)])
        script.turn([content], [(REPLY, NO), (INTERIM, OK)])
        script.check(places)


def test_content_is_never_held_back() -> None:
    dialogue = asked(DATA).backend(GO_AHEAD)
    for i in range(len(CONTENT)):
        dialogue.client(CONTENT[i : i + 1])
        assert dialogue.given == DATA + CONTENT[: i + 1]
    assert dialogue.up == [(REQUEST, len(DATA)), (END, len(DATA + CONTENT))]


def test_large_content_costs_no_memory() -> None:
    chunk = (b'x' * 62 + b'\r\n') * 1024
    dialogue = asked(DATA).backend(GO_AHEAD)
    feed = dialogue.protocol.feed_upstream
    tracemalloc.start()
    for _ in range(1000):
        feed(chunk)
    assert tracemalloc.get_traced_memory()[1] < 200_000
    tracemalloc.stop()
    end = len(DATA) + 1000 * len(chunk) + 3
    assert feed(b'.\r\nQUIT\r\n')[1] == [(END, end), (REQUEST, end + 6)]


@pytest.mark.parametrize('line', [DATA, b'data\r\n', b' DATA \r\n', b'DATA\n', b'DATA now\r\n', b'\tdata\r\n'])
def test_data_refused(line: bytes) -> None:
    script = Script()
    script.turn([line], [(REPLY, NO)])
    script.turn([NOOP, line], [(REPLY, OK), (PROMPT, b'354-go\r\n354 on\r\n')])
    script.turn([CONTENT, NOOP], [(REPLY, OK), (REPLY, OK)])
    script.check(None)


def test_a_backend_that_leaves_during_a_message() -> None:
    dialogue = asked(DATA).backend(GO_AHEAD).client(b'Subject').backend(b'421 bye\r\n')
    assert dialogue.answered() == [PROMPT, REPLY]
    assert dialogue.client(b': x\r\n\r\n.\r\n').up[1:] == [(END, len(DATA) + 17)]


def test_a_backend_that_sees_another_end_of_a_message() -> None:
    """The protocol cannot know what follows: only the backend sees a smuggled command, and replies to it."""
    dialogue = asked(DATA).backend(GO_AHEAD).client(b'Subject: x\n.\n' + MAIL).backend(OK + OK)
    assert dialogue.answered() == [PROMPT, OPAQUE]
    assert dialogue.protocol.opaque == Opaque('a reply to a message before its end', unparsed=True)


AUTH_PLAIN = b'AUTH PLAIN AGpvZQBzZWNyZXQ=\r\n'
AUTH_LOGIN = b'AUTH LOGIN\r\n'
CHALLENGE = b'334 VXNlcm5hbWU6\r\n'
ANSWER = b'am9l\r\n'
PROMPTS = (CHALLENGE, b'334 UGFzc3dvcmQ6\r\n')
ACCEPTED = b'235 2.7.0 Authentication successful\r\n'


class TestAuth:
    @pytest.mark.parametrize('line', [AUTH_PLAIN, AUTH_LOGIN, b'auth\r\n', b' Auth login\n'])
    @pytest.mark.parametrize(
        'answer', [ANSWER, b'*\r\n', b'\r\n', b'x\n', DATA, b'x' * 2 * MAX_HEAD + b'\r\n', b'\0\n']
    )
    def test_dialogue(self, line: bytes, answer: bytes) -> None:
        for places in (range(0), range(3000)):
            script = Script()
            script.turn([line], [(REPLY, b'504 5.5.4 no\r\n')])
            script.turn([NOOP, line], [(REPLY, OK), (PROMPT, CHALLENGE)])
            script.turn([answer], [(PROMPT, b'334-\r\n334 \r\n')])
            script.turn([answer], [(REPLY, ACCEPTED)])
            script.turn([NOOP], [(REPLY, OK)])
            script.check(places)

    def test_answer_is_never_held_back(self) -> None:
        dialogue = asked(AUTH_LOGIN).backend(CHALLENGE).client(b'am')
        assert dialogue.given == AUTH_LOGIN + b'am'

    def test_a_backend_that_does_not_wait_for_the_answer(self) -> None:
        dialogue = asked(AUTH_LOGIN).backend(CHALLENGE, b'421 too late\r\n').client(ANSWER).backend(NO)
        assert dialogue.answered() == [PROMPT, REPLY, REPLY]


@pytest.mark.parametrize('line', [DATA, AUTH_LOGIN, AUTH_PLAIN])
@pytest.mark.parametrize('more', [CONTENT, NOOP, b'\r\n', b'\0'])
def test_a_client_that_does_not_wait(line: bytes, more: bytes) -> None:
    data = NOOP + line + more
    expected = [(REQUEST, len(NOOP)), (REQUEST, len(NOOP + line)), (OPAQUE, len(NOOP + line))]
    for pieces in ([data], feeding.single(data), [NOOP + line, more]):
        protocol = SMTP()
        assert feeding.upstream(protocol, pieces) == (data, expected)
        assert protocol.opaque == Opaque('the client did not wait for the reply to DATA or AUTH', unparsed=True)


def test_nor_after_an_answer() -> None:
    dialogue = asked(AUTH_LOGIN).backend(CHALLENGE).client(ANSWER + ANSWER)
    end = len(AUTH_LOGIN + ANSWER)
    assert dialogue.up[1:] == [(END, end), (OPAQUE, end)]


ENDINGS = [
    (b'STARTTLS\r\n', b'220 2.0.0 Ready\r\n', b'454 4.7.0 not now\r\n', 'STARTTLS'),
    (b'starttls\n', b'220-Ready\r\n220 Go\r\n', b'250 Ok\r\n', 'STARTTLS'),
]


@pytest.mark.parametrize(('line', 'reply', 'no', 'why'), ENDINGS)
class TestFramingEnds:
    def test_accepted(self, line: bytes, reply: bytes, no: bytes, why: str) -> None:
        data = OK + reply + OK
        end = len(BANNER + OK + reply)
        for pieces in ([data], feeding.single(data)):
            dialogue = asked(NOOP, line, b'\x16\x03').backend(*pieces)
            assert dialogue.down[3:] == [(REPLY, end), (OPAQUE, end)]
            assert dialogue.protocol.opaque == Opaque(why)

    def test_refused(self, line: bytes, reply: bytes, no: bytes, why: str) -> None:
        script = Script()
        script.turn([NOOP, line, NOOP], [(REPLY, OK), (REPLY, no), (REPLY, reply)])
        for places in (range(0), None):
            script.check(places)


# Any dialogue.

codes = st.sampled_from([200, 235, 250, 251, 252, 354, 334, 421, 450, 550, 599])
texts = st.sampled_from([b'', b' ', b' Ok', b' 250-x', b' 2.1.0 <a@example.com>... Ok'])
line_ends = st.sampled_from([b'\r\n', b'\r\n', b'\n'])


@st.composite
def replies(draw: st.DrawFn, code: int | None = None) -> bytes:
    number = draw(codes) if code is None else code
    before = draw(st.lists(st.sampled_from([b'', b'a', b'SIZE 3', b'250 Ok']), max_size=3))
    lines = [b'%d-%b' % (number, text) for text in before] + [b'%d%b' % (number, draw(texts))]
    end = draw(line_ends)
    return b''.join(line + end for line in lines)


chunks = st.builds(
    lambda data, last: b'BDAT %d%b\r\n%b' % (len(data), last, data),
    st.one_of(st.binary(max_size=12), st.sampled_from([NOOP, DATA, b'', b'x' * 300])),
    st.sampled_from([b'', b' LAST', b' last']),
)
commands = st.one_of(
    st.sampled_from([NOOP, MAIL, RCPT, b'rset\r\n', b'EHLO x\n', b'\r\n', b' NOOP\r\n', b'X y\n', b'BDAT\r\n']), chunks
)
content_lines = st.one_of(
    st.sampled_from([b'', b'.', b'..', b'a\n.', b'\n.', b'.\r', b'\r', b'\r.', b'QUIT', b'DATA']),
    st.binary(max_size=8).filter(lambda line: b'\r\n' not in line),
)


@st.composite
def contents(draw: st.DrawFn) -> bytes:
    lines = draw(st.lists(content_lines, max_size=6))
    return b''.join((b'.' if line.startswith(b'.') else b'') + line + b'\r\n' for line in lines) + b'.\r\n'


cuts = st.lists(st.integers(0, 10_000), max_size=12)


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    script = Script()
    # What the client sends in one go with its next commands.
    left: list[bytes] = []
    for _ in range(draw(st.integers(0, 6))):
        requests = left + draw(st.lists(commands, max_size=4))
        answers = [(REPLY, draw(replies())) for _ in requests]
        left = []
        kind = draw(st.sampled_from(['none', 'unasked', 'data', 'data', 'no data', 'auth', 'auth']))
        if kind == 'unasked':
            answers.append((INTERIM, draw(replies())))
        elif kind == 'data':
            script.turn([*requests, DATA], [*answers, (PROMPT, draw(replies(354)))])
            left = [draw(contents())]
            continue
        elif kind == 'no data':
            requests.append(DATA)
            answers.append((REPLY, draw(replies(450))))
        elif kind == 'auth':
            request = AUTH_LOGIN
            for _ in range(draw(st.integers(0, 3))):
                script.turn([*requests, request], [*answers, (PROMPT, draw(replies(334)))])
                requests, answers, request = [], [], draw(st.sampled_from([ANSWER, b'*\n', b'\r\n']))
            requests.append(request)
            answers.append((REPLY, draw(replies(235))))
        script.turn(requests, answers)
    script.turn(left, [(REPLY, OK) for _ in left])
    return script


@given(scripts(), cuts)
def test_dialogues_cut_anywhere(script: Script, places: list[int]) -> None:
    for cutting in ([], places, None):
        script.check(cutting)


# Any bytes at all.

fragments = st.one_of(
    commands,
    replies(),
    contents(),
    st.sampled_from([DATA, AUTH_LOGIN, ANSWER, GO_AHEAD, CHALLENGE, OK, b'BDAT 20\r\n', b'.\r\n', b'\r\n.']),
    st.sampled_from([line for line, _, _, _ in ENDINGS] + [reply for _, reply, _, _ in ENDINGS]),
    st.sampled_from([LHLO, EHLO_REPLY, RCPT]),
    st.binary(max_size=8),
)
anything = feeding.anything(fragments, pieces=5, changes=2)


@given(st.lists(st.tuples(st.booleans(), st.one_of(fragments, anything)), max_size=8), cuts)
@example([(True, DATA), (False, GO_AHEAD), (True, b'a\r\n.'), (False, b'421 x\r\n'), (True, b'\r\nNOOP\r\n')], [1])
def test_any_bytes(turns: list[tuple[bool, bytes]], places: list[int]) -> None:
    dialogues = [Dialogue(), Dialogue(), Dialogue()]
    for from_client, data in turns:
        for dialogue, pieces in zip(
            dialogues, ([data], feeding.cut(data, places), list(feeding.single(data))), strict=True
        ):
            if data and from_client:
                dialogue.client(*pieces)
            elif data:
                dialogue.backend(*pieces)
    whole = dialogues[0]
    assert whole.end() == b''.join(data for from_client, data in turns if from_client)
    for dialogue in dialogues[1:]:
        assert dialogue.end() == whole.given
        assert feeding.uncut(dialogue.up) == feeding.uncut(whole.up)
        assert dialogue.down == whole.down
        assert dialogue.protocol.opaque == whole.protocol.opaque


# What a fault needs to know.

SECRETS = [b'secret', base64.b64encode(b'secret'), base64.b64encode(b'\0joe\0secret')]


class TestDescribe:
    @pytest.mark.parametrize(
        ('request_', 'text'),
        [
            (b'', 'banner'),
            (RCPT, 'RCPT TO:<b@example.com>'),
            (b'rcpt To:<B@example.com>  \r\n', 'RCPT TO:<B@example.com>'),
            (MAIL + RCPT + DATA, 'MAIL FROM:<a@example.com> SIZE=3'),
            (DATA, 'DATA'),
            (b' data \n', 'DATA'),
            (b'QUIT', 'QUIT'),
            (b'BDAT 5 LAST\r\nabcde', 'BDAT 5 LAST'),
            (b'STARTTLS\r\n\x16\x03', 'STARTTLS'),
            (b'EHLO x\x00\xff\ty\r\n', 'EHLO x\\x00\\xff\\ty'),
            (b'VRFY ' + b'k' * 300 + b'\r\n', 'VRFY ' + 'k' * 195),
            (b'VRFY ' + b'\0' * 300 + b'\r\n', 'VRFY ' + '\\x00' * 48 + '\\x0'),
            (AUTH_PLAIN, 'AUTH PLAIN'),
            (AUTH_LOGIN, 'AUTH LOGIN'),
            (b'auth login c2VjcmV0\r\n', 'AUTH LOGIN'),
            (b'AUTH SCRAM-SHA-256-PLUS c2VjcmV0\r\n', 'AUTH SCRAM-SHA-256-PLUS'),
            (b'AUTH\r\n', 'AUTH'),
            (b'AUTH secret\r\n', 'AUTH'),
            (b'AUTH PLAIN\tsecret\r\n', 'AUTH'),
            (b'AUTH PLAINsecret\r\n', 'AUTH'),
            (b'c2VjcmV0\r\n', '10 bytes'),
            (b'XCLIENT LOGIN=secret\r\n', '22 bytes'),
            (b'DATAsecret\r\n', '12 bytes'),
            (b'\r\n', '2 bytes'),
            (b'\x16\x03', '2 bytes'),
        ],
    )
    def test_table(self, request_: bytes, text: str) -> None:
        assert SMTP().describe(request_) == text

    @given(st.one_of(st.binary(), anything))
    def test_printable_and_short(self, request_: bytes) -> None:
        text = SMTP().describe(request_)
        assert text.isprintable()
        assert len(text) <= 200

    @pytest.mark.parametrize('secret', SECRETS)
    @given(st.sampled_from([b'', b'AUTH ', b'auth\t', b'AUTH PLAIN ', b'AUTH LOGIN\t', b'Auth XOAUTH2  ']))
    def test_no_secret_shows(self, secret: bytes, before: bytes) -> None:
        assert secret.decode().lower() not in SMTP().describe(before + secret + b'\r\n').lower()


class TestEnvelope:
    """Tests LMTP, where a message has a reply for each recipient (RFC 2033, 4.2)."""

    @staticmethod
    def greeted() -> Dialogue:
        """Return a dialogue in which LHLO was accepted."""
        return asked(LHLO).backend(EHLO_REPLY)

    def accepted(self, *recipients: bytes) -> Dialogue:
        """Return a dialogue in which these commands, and MAIL before them, were accepted."""
        return self.greeted().client(MAIL, *recipients).backend(OK * (1 + len(recipients)))

    @pytest.mark.parametrize('replies', [[OK], [OK, NO, OK], [EHLO_REPLY, NO, b'421 4.3.2 no\r\n']])
    def test_a_reply_for_each(self, replies: list[bytes]) -> None:
        for places in (range(0), range(3000)):
            dialogue = self.accepted(*[RCPT] * len(replies)).client(DATA).backend(GO_AHEAD)
            dialogue.client(*feeding.cut(CONTENT + NOOP, places)).backend(*feeding.cut(b''.join(replies) + OK, places))
            assert dialogue.down[-3:] == [
                (PROMPT, dialogue.received - len(b''.join(replies) + OK)),
                (REPLY, dialogue.received - len(OK)),
                (REPLY, dialogue.received),
            ]
            assert feeding.uncut(dialogue.up)[-2:] == [(REQUEST, dialogue.sent - 6), (REQUEST, dialogue.sent)]

    def test_a_refused_recipient_gets_none(self) -> None:
        dialogue = self.greeted().client(MAIL + RCPT + RCPT + DATA).backend(OK + NO + OK + GO_AHEAD)
        assert dialogue.client(CONTENT + NOOP).backend(OK + OK).answered()[-3:] == [PROMPT, REPLY, REPLY]

    @pytest.mark.parametrize('end', [b'RSET\r\n', LHLO, MAIL])
    def test_the_envelope_ends(self, end: bytes) -> None:
        dialogue = self.accepted(RCPT, RCPT).client(end, MAIL + RCPT + DATA).backend(OK + OK + OK + GO_AHEAD)
        assert dialogue.client(CONTENT + NOOP).backend(OK + OK).answered()[-3:] == [PROMPT, REPLY, REPLY]

    def test_what_was_refused_does_not_end_it(self) -> None:
        dialogue = self.accepted(RCPT, RCPT).client(b'RSET x\r\n', DATA).backend(NO, NO)
        assert dialogue.client(DATA).backend(GO_AHEAD).client(CONTENT).backend(OK).answered()[-1] == PROMPT
        assert dialogue.backend(OK).client(MAIL + RCPT + DATA).backend(OK + OK + GO_AHEAD).answered()[-1] == PROMPT
        assert dialogue.client(CONTENT).backend(OK).answered()[-1] == REPLY

    def test_chunks(self) -> None:
        dialogue = self.accepted(RCPT, RCPT).client(b'BDAT 1\r\nxBDAT 1 LAST\r\nx', NOOP).backend(OK)
        assert dialogue.answered()[-2:] == [REPLY, REPLY]
        assert dialogue.backend(OK, NO, OK).answered()[-3:] == [REPLY, REPLY, REPLY]
        assert dialogue.client(b'BDAT 0 LAST\r\n').backend(NO).answered()[-1] == REPLY

    def test_a_server_that_leaves(self) -> None:
        dialogue = self.accepted(RCPT, RCPT).client(DATA).backend(GO_AHEAD).client(CONTENT)
        assert dialogue.backend(b'421 4.3.2 bye\r\n').answered()[-1] == REPLY

    def test_no_lmtp(self) -> None:
        dialogue = asked(LHLO).backend(NO).client(MAIL, RCPT, RCPT, DATA).backend(OK * 3 + GO_AHEAD)
        assert dialogue.client(CONTENT + NOOP).backend(OK + OK).answered()[-3:] == [PROMPT, REPLY, REPLY]

    def test_error_for_all(self) -> None:
        protocol = self.accepted(RCPT, RCPT).client(DATA).protocol
        protocol.begin_fault(DATA, 'seed')
        assert protocol.error().data == b'451 4.3.0 injected by vaurien\r\n' * 2
        assert protocol.error(421).data == b'421 4.3.2 injected by vaurien\r\n'
        assert protocol.error(at_once=True).data == b'451 4.3.0 injected by vaurien\r\n'

    @pytest.mark.parametrize(
        ('request_', 'recipient', 'would_fail'),
        [
            (DATA, 'b@example.com', True),
            (DATA, 'B@Example.com', True),
            (b'BDAT 3 LAST\r\nabc', 'b@example.com', True),
            (b'BDAT 3\r\nabc', 'b@example.com', False),
            (DATA, 'c@example.com', False),
            (RCPT, 'b@example.com', False),
            (DATA, None, True),
        ],
    )
    def test_error_for_one(self, request_: bytes, recipient: str | None, would_fail: bool) -> None:
        protocol = self.accepted(RCPT).protocol
        protocol.begin_fault(request_, 'seed')
        assert protocol.would_fail(recipient=recipient, code=552) is would_fail

    def test_an_envelope_that_cannot_be_sent_once_more(self) -> None:
        for dialogue in (
            self.accepted(*[RCPT] * (LINES_MAX // len(RCPT) + 1)),
            self.accepted(RCPT).client(b'BDAT 1\r\nx').backend(OK),
        ):
            dialogue.protocol.begin_fault(b'BDAT 1 LAST\r\nx', 'seed')
            assert not dialogue.protocol.would_fail(recipient='b@example.com')

    def test_the_others_get_theirs(self) -> None:
        """The transaction goes to the backend once more; whom it then refuses, it has refused."""
        others = [b'RCPT TO:<%b@example.com>\r\n' % name for name in (b'x', b'y', b'z')]
        dialogue = self.accepted(others[0], RCPT, *others[1:]).client(DATA)
        protocol = dialogue.protocol
        protocol.begin_fault(DATA, 'seed')
        effects = protocol.effects(code=552, recipient='b@example.com')
        asked: list[bytes] = []
        with suppress(StopIteration):
            asked.append(next(effects))
            while True:
                reply = NO if b'<y@' in asked[-1] else OK
                dialogue.backend(reply)
                asked.append(effects.send(reply))
        assert asked == [b'RSET\r\n', MAIL, *others]
        assert protocol.amends
        dialogue.backend(GO_AHEAD).client(CONTENT).backend(OK + EHLO_REPLY)
        assert dialogue.answered()[-2:] == [PROMPT, REPLY]
        assert protocol.amend(OK + EHLO_REPLY) == OK + b'552 5.3.0 injected by vaurien\r\n' + NO + EHLO_REPLY
        assert not protocol.amends


class TestError:
    @pytest.mark.parametrize(
        ('request_', 'code', 'error'),
        [
            (RCPT, None, ErrorReply(b'451 4.3.0 injected by vaurien\r\n')),
            (RCPT, 400, ErrorReply(b'400 4.3.0 injected by vaurien\r\n')),
            (RCPT, 550, ErrorReply(b'550 5.3.0 injected by vaurien\r\n')),
            (RCPT, 421, ErrorReply(b'421 4.3.2 injected by vaurien\r\n', closes=True)),
            (b'ehlo x\r\n', None, ErrorReply(b'451 injected by vaurien\r\n')),
            (b'HELO x\r\n', 502, ErrorReply(b'502 injected by vaurien\r\n')),
            (AUTH_PLAIN, None, ErrorReply(b'451 4.3.0 injected by vaurien\r\n')),
            (b'BDAT 3\r\nabc', 552, ErrorReply(b'552 5.3.0 injected by vaurien\r\n')),
            (DATA, None, ErrorReply(b'451 4.3.0 injected by vaurien\r\n', prompts=(GO_AHEAD,))),
            (b'data\n', 554, ErrorReply(b'554 5.3.0 injected by vaurien\r\n', prompts=(GO_AHEAD,))),
            (DATA, 421, ErrorReply(b'421 4.3.2 injected by vaurien\r\n', closes=True, prompts=(GO_AHEAD,))),
            (b'AUTH PLAIN\r\n', 535, ErrorReply(b'535 5.7.8 injected by vaurien\r\n', prompts=(b'334 \r\n',))),
            (AUTH_PLAIN, 535, ErrorReply(b'535 5.7.8 injected by vaurien\r\n')),
            (AUTH_LOGIN, 504, ErrorReply(b'504 5.3.0 injected by vaurien\r\n')),
            (b'AUTH LOGIN am9l\r\n', 454, ErrorReply(b'454 4.7.0 injected by vaurien\r\n', prompts=PROMPTS[1:])),
            (b'auth login\n', 535, ErrorReply(b'535 5.7.8 injected by vaurien\r\n', prompts=PROMPTS)),
            (b'AUTH\r\n', 535, ErrorReply(b'535 5.7.8 injected by vaurien\r\n')),
            (b'AUTH SCRAM-SHA-256\r\n', 535, ErrorReply(b'535 5.7.8 injected by vaurien\r\n', prompts=(b'334 \r\n',))),
            (b'AUTH NTLM\r\n', 454, ErrorReply(b'454 4.7.0 injected by vaurien\r\n', prompts=(b'334 \r\n',))),
            (b'AUTH NTLM TlRMTQ==\r\n', 454, ErrorReply(b'454 4.7.0 injected by vaurien\r\n')),
            (MAIL, 530, ErrorReply(b'530 5.7.0 injected by vaurien\r\n')),
            (b'', None, ErrorReply(b'421 injected by vaurien\r\n', closes=True)),
            (b'', 450, ErrorReply(b'421 injected by vaurien\r\n', closes=True)),
            (b'', 550, ErrorReply(b'554 injected by vaurien\r\n', closes=True)),
        ],
    )
    def test_table(self, request_: bytes, code: int | None, error: ErrorReply) -> None:
        protocol = SMTP()
        protocol.begin_fault(request_, 'seed')
        assert (protocol.error() if code is None else protocol.error(code)) == error

    @pytest.mark.parametrize(('request_', 'code'), [(DATA, 451), (AUTH_LOGIN, 535)])
    def test_at_once(self, request_: bytes, code: int) -> None:
        protocol = SMTP()
        protocol.begin_fault(request_, 'seed')
        assert protocol.error(code).prompts
        assert not protocol.error(code, at_once=True).prompts
        assert list(protocol.effects(code=code, at_once=True)) == []

    @pytest.mark.parametrize(
        ('code', 'message', 'data'),
        [
            (452, 'Insufficient system storage', b'452 4.3.0 Insufficient system storage\r\n'),
            (550, '5.1.1 No such user', b'550 5.1.1 No such user\r\n'),
        ],
    )
    def test_with_a_message(self, code: int, message: str, data: bytes) -> None:
        protocol = SMTP()
        protocol.begin_fault(MAIL, 'seed')
        assert protocol.error(code, message).data == data

    @pytest.mark.parametrize('code', range(400, 600))
    def test_is_a_reply(self, code: int) -> None:
        protocol = asked(NOOP).protocol
        protocol.begin_fault(NOOP, 'seed')
        assert [kind for kind, _ in protocol.feed_downstream(protocol.error(code).data)] == [REPLY]

    def test_to_data_takes_the_message(self) -> None:
        dialogue = asked(DATA)
        dialogue.protocol.on_prompted()
        dialogue.client(CONTENT[:-4], CONTENT[-4:] + MAIL + DATA)
        dialogue.protocol.withdraw()
        end = len(DATA + CONTENT)
        mail, data = end + len(MAIL), end + len(MAIL + DATA)
        assert dialogue.up[1:] == [(END, end), (REQUEST, mail), (REQUEST, data)]
        dialogue.backend(OK, GO_AHEAD).client(CONTENT).backend(OK)
        assert dialogue.answered() == [REPLY, PROMPT, REPLY]
        assert dialogue.up[4:] == [(END, data + len(CONTENT))]

    def test_to_a_message_that_did_not_wait_closes(self) -> None:
        protocol = asked(DATA + CONTENT).protocol
        protocol.begin_fault(DATA + CONTENT, 'seed')
        assert protocol.error() == ErrorReply(b'451 4.3.0 injected by vaurien\r\n', closes=True)


@pytest.mark.parametrize('line', [DATA, AUTH_LOGIN, b'STARTTLS\r\n', LHLO])
def test_withdrawn_request_is_not_expected(line: bytes) -> None:
    dialogue = asked(line)
    dialogue.protocol.withdraw()
    for reply in (GO_AHEAD, CHALLENGE, OK, BANNER):
        dialogue.client(NOOP).backend(reply)
    assert dialogue.answered() == [REPLY] * 4
    assert not dialogue.protocol.opaque


def test_nothing_to_withdraw() -> None:
    protocol = SMTP()
    protocol.withdraw()
    assert [kind for kind, _ in protocol.feed_downstream(BANNER)] == [GREETING, REPLY]
