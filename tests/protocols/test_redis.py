"""RESP2 and RESP3: every case whole, byte by byte, and with others around it.

These are the tests of all files in `vaurien/protocols/redis/`, but for its ``quick.py``: see `test_quick`.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from time import process_time

import pytest
from hypothesis import given, strategies as st

from tests.protocols import feeding
from tests.scaling import takes_linear_time
from vaurien.errors import OptionError
from vaurien.framing.error_reply import INJECTED
from vaurien.protocols.base import END, HEAD, INTERIM, MAX_HEAD, OPAQUE, REPLY, REQUEST, UNANSWERED, Mark, Opaque
from vaurien.protocols.redis import Redis, text, transaction


def command(*words: bytes | str) -> bytes:
    parts = [word.encode() if isinstance(word, str) else word for word in words]
    return b'*%d\r\n' % len(parts) + b''.join(b'$%d\r\n%s\r\n' % (len(part), part) for part in parts)


GET = command('GET', 'user:1')
OK = b'+OK\r\n'
VALUE = b'$5\r\nvalue\r\n'


def asked(*requests: bytes, replies: bytes = b'') -> Redis:
    """Return a protocol that waits for the replies to *requests*, after the first *replies*."""
    protocol = Redis()
    for request in requests:
        assert protocol.feed_upstream(request)[0] == request
    protocol.feed_downstream(replies)
    return protocol


HELLO_3 = command('HELLO', '3')
HELLO_REPLY = b'%1\r\n+proto\r\n:3\r\n'


def resp3(*requests: bytes) -> Redis:
    """Return a protocol that speaks RESP3 and waits for the replies to *requests*."""
    protocol = asked(HELLO_3, replies=HELLO_REPLY)
    for request in requests:
        protocol.feed_upstream(request)
    return protocol


BIG = b'x' * 5000
REQUESTS = {
    'get': GET,
    'one word': command('PING'),
    'set': command('SET', 'user:1', 'some value'),
    'lower case': command('get', 'a'),
    'empty words': command('SET', '', ''),
    'line ends in it': command('SET', 'a\r\nb', '\r\n$3\r\n'),
    'like a request': command('SET', GET, GET),
    'binary': command('SET', b'\x00\xff\r', b'\n\x80'),
    'many words': command('MSET', *[b'%d' % i for i in range(200)]),
    'large value': command('SET', 'a', BIG),
    'large key': command('GET', BIG),
    'large values': command('MSET', 'a', BIG, 'b', BIG),
    'inline': b'PING\r\n',
    'inline, line feed': b'SET a b\n',
    'inline, spaces': b'  SET \t a b  \r\n',
    'inline, quotes': b'set "a b" \'c\'\r\n',
    'empty': b'*0\r\n\r\n*-1\r\n \t\n' + GET,
    'empty, then inline': b'\n\r\n*0\r\nPING\r\n',
    'unknown': command('FOO', 'bar'),
    'client': command('CLIENT', 'SETNAME', 'a'),
    'client, large': command('CLIENT', 'SETNAME', BIG),
    'client, caching': command('CLIENT', 'CACHING', 'YES'),
    'asking': command('asking'),
}


@pytest.mark.parametrize('request_', REQUESTS.values(), ids=REQUESTS)
class TestRequests:
    def test_whole(self, request_: bytes) -> None:
        given_back, marks = Redis().feed_upstream(request_)
        assert given_back is request_
        assert list(marks) == [(REQUEST, len(request_))]

    def test_byte_by_byte(self, request_: bytes) -> None:
        given_back, marks = feeding.upstream(Redis(), feeding.single(request_))
        assert given_back == request_
        assert feeding.uncut(marks) == [(REQUEST, len(request_))]

    def test_among_others(self, request_: bytes) -> None:
        data = GET + request_ + GET + request_
        ends = [len(GET), len(GET + request_), len(GET + request_ + GET), len(data)]
        for pieces in ([data], feeding.single(data), feeding.cut(data, range(0, len(data), 7))):
            given_back, marks = feeding.upstream(Redis(), pieces)
            assert given_back == data
            assert feeding.uncut(marks) == [(REQUEST, end) for end in ends]


def test_head_is_command_and_first_argument() -> None:
    protocol = Redis()
    data = command('SET', 'user:1', BIG)
    start = data.index(BIG) - len(b'$5000\r\n')
    assert protocol.feed_upstream(data[: start - 1]) == (b'', [])
    assert protocol.feed_upstream(data[start - 1 : start + 2]) == (data[: start + 2], [(HEAD, start)])
    assert protocol.feed_upstream(data[start + 2 : start + 10]) == (data[start + 2 : start + 10], [])
    assert protocol.upstream_body == len(BIG) - 3
    assert protocol.feed_upstream(data[start + 10 :])[1] == [(END, len(data))]
    assert protocol.upstream_body == 0


@pytest.mark.parametrize(
    'words', [('EVAL', b's' * MAX_HEAD, '0'), (b'c' * MAX_HEAD,), ('CLIENT', 'A', b's' * MAX_HEAD)]
)
def test_argument_too_long_for_a_head(words: Sequence[bytes]) -> None:
    data = command(*words)
    start = max(data.find(letter * MAX_HEAD) for letter in (b's', b'c'))
    for pieces in (feeding.single(data), feeding.cut(data, range(0, len(data), 1000))):
        given_back, marks = feeding.upstream(Redis(), pieces)
        assert given_back == data
        assert marks == [(HEAD, start), (END, len(data))]


def test_incomplete_head_is_held_back() -> None:
    protocol = Redis()
    assert protocol.feed_upstream(GET + GET[:9]) == (GET, [(REQUEST, len(GET))])
    assert protocol.feed_upstream(GET[9:-1]) == (b'', [])
    assert protocol.end_upstream() == GET[:-1]
    assert protocol.end_upstream() == b''


REFUSED = {
    'tls': b'\x16\x03\x01\x02\x00\x01',
    'no count': b'*x\r\n',
    'leading zero': b'*01\r\n$4\r\nPING\r\n',
    'minus nothing': b'*-0\r\n',
    'endless count': b'*' + b'1' * 40,
    'no argument': b'*1\r\n:1\r\n',
    'null argument': b'*1\r\n$-1\r\n',
    'leading zero of a length': b'*1\r\n$04\r\nPING\r\n',
    'endless length': b'*1\r\n$' + b'1' * 40,
    'too short': b'*1\r\n$3\r\nPING\r\n',
    'too long': b'*2\r\n$4\r\nPING\r\n$1\r\nab\r\n',
    'line feeds': b'*1\n$4\nPING\n' + b'1' * 40,
    'inline, quotes without an end': b'SET "a b\r\n',
    'inline, quotes in a word': b"SET 'a'b c\r\n",
    'inline, an escaped quote at the end': b"GET 'a\\' b\r\n",
    'inline too long': b'PING ' + b'x' * MAX_HEAD + b'\r\n',
    'nothing for too long': b'\r\n' * MAX_HEAD,
}


@pytest.mark.parametrize('before', [b'', GET, REQUESTS['large value']], ids=['first', 'after get', 'after a large one'])
@pytest.mark.parametrize('message', REFUSED.values(), ids=REFUSED)
def test_refused_request_passes_untouched(message: bytes, before: bytes) -> None:
    data = before + message + GET
    for pieces in ([data], feeding.cut(data, range(0, len(data), 97))):
        protocol = Redis()
        given_back, marks = feeding.upstream(protocol, pieces)
        assert given_back == data
        assert feeding.uncut(marks)[-1:] == [(OPAQUE, len(before))]
        assert feeding.is_unparsed(protocol)


def test_refused_after_its_head() -> None:
    start = b'*3\r\n$3\r\nSET\r\n$1\r\na\r\n'
    for rest in (b'$1\r\nxyz\r\n', b':1\r\n', b'$-1\r\n', b'*1\r\n$1\r\nx\r\n'):
        for pieces in ([start + rest], feeding.single(start + rest)):
            expected = [(HEAD, len(start)), (OPAQUE, len(start))]
            assert feeding.upstream(Redis(), pieces) == (start + rest, expected)


@pytest.mark.parametrize('message', [b'PING ' + b'x' * MAX_HEAD, b'\r\n' * MAX_HEAD])
def test_held_head_is_bounded(message: bytes) -> None:
    protocol = Redis()
    for i in range(0, len(message), 1000):
        given_back, _ = protocol.feed_upstream(message[i : i + 1000])
        if protocol.opaque:
            assert i <= MAX_HEAD
            assert given_back == message[: i + 1000]
            break
        assert given_back == b''
    else:
        pytest.fail('never refused')


REPLIES = {
    'status': OK,
    'error': b'-ERR no\r\n',
    'integer': b':-12\r\n',
    'bulk': VALUE,
    'bulk, empty': b'$0\r\n\r\n',
    'bulk, line ends': b'$8\r\n\r\n+OK\r\n$\r\n',
    'bulk, large': b'$5000\r\n' + BIG + b'\r\n',
    'null': b'$-1\r\n',
    'null array': b'*-1\r\n',
    'array, empty': b'*0\r\n',
    'array': b'*3\r\n:1\r\n$1\r\na\r\n$-1\r\n',
    'nested': b'*2\r\n*2\r\n*0\r\n*-1\r\n*1\r\n*1\r\n$1\r\na\r\n',
    'nested deeply': b'*1\r\n' * 5000 + OK,
    'array of large ones': b'*2\r\n' + (b'$5000\r\n' + BIG + b'\r\n') * 2,
    'resp3': b'*6\r\n_\r\n#t\r\n,1.5e3\r\n(12345678901234567890\r\n!5\r\nE bad\r\n=6\r\ntxt:ab\r\n',
    'map': b'%2\r\n+a\r\n:1\r\n+b\r\n%1\r\n:1\r\n:2\r\n',
    'set': b'~2\r\n+a\r\n~0\r\n',
    'attribute': b'|1\r\n+ttl\r\n:1\r\n' + VALUE,
    'attributes': b'*2\r\n|1\r\n+ttl\r\n*1\r\n:1\r\n:1\r\n|0\r\n:2\r\n',
}


@pytest.mark.parametrize('reply', REPLIES.values(), ids=REPLIES)
class TestReplies:
    def test_whole(self, reply: bytes) -> None:
        assert list(asked(GET).feed_downstream(reply)) == [(REPLY, len(reply))]

    def test_byte_by_byte(self, reply: bytes) -> None:
        assert feeding.downstream(asked(GET), feeding.single(reply)) == [(REPLY, len(reply))]

    def test_among_others(self, reply: bytes) -> None:
        data = VALUE + reply + b':1\r\n' + reply
        ends = [len(VALUE), len(VALUE + reply), len(VALUE + reply + b':1\r\n'), len(data)]
        for pieces in ([data], feeding.single(data), feeding.cut(data, range(0, len(data), 7))):
            assert feeding.downstream(asked(*[GET] * 4), pieces) == [(REPLY, end) for end in ends]

    def test_among_pushes(self, reply: bytes) -> None:
        push = b'>2\r\n+invalidate\r\n*1\r\n+a\r\n'
        data = push + reply + push
        expected = [(INTERIM, len(push)), (REPLY, len(push + reply)), (INTERIM, len(data))]
        for pieces in ([data], feeding.single(data)):
            assert feeding.downstream(asked(GET, GET), pieces) == expected

    def test_nobody_asked(self, reply: bytes) -> None:
        for pieces in ([reply], feeding.single(reply)):
            assert feeding.downstream(Redis(), pieces) == [(INTERIM, len(reply))]


@pytest.mark.parametrize(
    'reply',
    [
        b'HTTP/1.1 400 Bad Request\r\n\r\n',
        b'\r\n',
        b'$?\r\n;4\r\nabcd\r\n;0\r\n',
        b'*?\r\n',
        b'$x\r\n',
        b'$-2\r\n',
        b'%-1\r\n',
        b'$1\r\nab\r\n',
        b'*2\r\n:1\r\n$3\r\nabcd\r\n',
        b'*1\r\nx\r\n',
        b'$' + b'1' * 19 + b'\r\n',
        b'+' + b'x' * MAX_HEAD + b'\r\n',
    ],
)
def test_refused_reply(reply: bytes) -> None:
    data = OK + reply + OK
    for pieces in ([data], feeding.cut(data, range(0, len(data), 3))):
        protocol = asked(GET, GET, GET)
        assert feeding.downstream(protocol, pieces) == [(REPLY, len(OK)), (OPAQUE, len(OK))]
        assert feeding.is_unparsed(protocol)


ENDINGS = [
    (command('SUBSCRIBE', 'a'), b'*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n', 'pub/sub'),
    (command('psubscribe', 'a'), b'*3\r\n$10\r\npsubscribe\r\n$1\r\na\r\n:1\r\n', 'pub/sub'),
    (b'SSUBSCRIBE a\r\n', b'*3\r\n$10\r\nssubscribe\r\n$1\r\na\r\n:1\r\n', 'pub/sub'),
    (command('MONITOR'), OK, 'MONITOR'),
    (b'monitor\n', OK, 'MONITOR'),
    (command('PSYNC', '?', '-1'), b'+FULLRESYNC abc 1\r\n', 'replication'),
    (command('SYNC'), b'$10\r\nREDIS0009x', 'replication'),
    (command('SYNC'), b'\n\n$10\r\nREDIS0009x', 'replication'),
]


@pytest.mark.parametrize(('request_', 'reply', 'why'), ENDINGS)
def test_framing_ends(request_: bytes, reply: bytes, why: str) -> None:
    data = VALUE + reply + OK
    for pieces in ([data], feeding.single(data)):
        protocol = asked(GET, request_, GET)
        assert feeding.downstream(protocol, pieces) == [(REPLY, len(VALUE)), (OPAQUE, len(VALUE))]
        assert protocol.opaque == Opaque(why)


@pytest.mark.parametrize('request_', [request for request, _, _ in ENDINGS])
def test_framing_goes_on_after_an_error(request_: bytes) -> None:
    error = b'-ERR no\r\n'
    data = error + VALUE
    for pieces in ([data], feeding.single(data)):
        assert feeding.downstream(asked(request_, GET), pieces) == [(REPLY, len(error)), (REPLY, len(data))]


class TestSubscriptions:
    PUSH = b'>3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n'
    MESSAGE = b'>3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n'

    @pytest.mark.parametrize('name', ['SUBSCRIBE', 'psubscribe', 'SSUBSCRIBE', 'UNSUBSCRIBE', 'PUNSUBSCRIBE'])
    def test_resp3_confirms_by_pushes(self, name: str) -> None:
        requests = [HELLO_3, command(name, 'a', 'b'), GET]
        data = b''.join(requests)
        expected = [(REQUEST, len(HELLO_3)), (REQUEST, len(data) - len(GET)), (REQUEST, len(data))]
        push = self.PUSH.replace(b'$9\r\nsubscribe', b'$%d\r\n%b' % (len(name), name.lower().encode()))
        # What is pushed among them is not for this request.
        pushes = [self.MESSAGE, push, b'>2\r\n$10\r\ninvalidate\r\n_\r\n', push]
        answer = b''.join([HELLO_REPLY, *pushes, VALUE])
        for pieces in (feeding.single, lambda data: [data]):
            protocol = Redis()
            assert feeding.uncut(feeding.upstream(protocol, pieces(data))[1]) == expected
            replies = feeding.downstream(protocol, pieces(answer))
            assert [kind for kind, _ in replies] == [REPLY, INTERIM, INTERIM, REPLY, REPLY]
            assert replies[-2][1] == len(answer) - len(VALUE)

    def test_refused(self) -> None:
        """What comes next is not taken for the reply to another request."""
        protocol = resp3(command('SUBSCRIBE', 'a', 'b'), command('PSUBSCRIBE', 'c'), GET)
        data = b'-NOPERM no\r\n' * 2 + VALUE
        expected = [(REPLY, 12), (REPLY, 24), (REPLY, len(data))]
        assert list(protocol.feed_downstream(data)) == [(kind, len(HELLO_REPLY) + at) for kind, at in expected]
        assert list(protocol.feed_downstream(self.PUSH)) == [(INTERIM, len(HELLO_REPLY + data + self.PUSH))]

    def test_silenced(self) -> None:
        """CLIENT REPLY silences no push, but an error: nothing can be waited for."""
        protocol = resp3(OFF)
        assert [kind for kind, _ in protocol.feed_upstream(command('SUBSCRIBE', 'a'))[1]] == [REQUEST, UNANSWERED]
        assert [kind for kind, _ in protocol.feed_downstream(self.PUSH)] == [INTERIM]

    def test_without_channels_is_an_error(self) -> None:
        protocol = resp3(command('SUBSCRIBE'), GET)
        assert [kind for kind, _ in protocol.feed_downstream(b'-ERR wrong\r\n' + VALUE)] == [REPLY, REPLY]

    def test_many_take_linear_time(self) -> None:
        """Of those that the server has not answered yet, none is looked at again."""
        request = command('SUBSCRIBE', 'a')

        def measure(count: int) -> float:
            protocol = resp3()
            began = process_time()
            for _ in range(count):
                protocol.feed_upstream(request)
            return process_time() - began

        assert takes_linear_time(measure, 1000)

    def test_a_version_that_was_never_asked_for(self) -> None:
        """The proxy has answered: the server still speaks what it did."""
        protocol = asked(HELLO_3)
        protocol.withdraw()
        protocol.feed_upstream(command('SUBSCRIBE', 'a'))
        protocol.feed_downstream(self.PUSH.replace(b'>', b'*'))
        assert protocol.opaque == Opaque('pub/sub')

    def test_hello_is_believed_until_it_fails(self) -> None:
        for replies in (b'-NOPROTO\r\n', HELLO_REPLY):
            protocol = asked(HELLO_3, command('SUBSCRIBE', 'a'), replies=replies)
            protocol.feed_downstream(self.PUSH.replace(b'>', b'*') if replies[:1] == b'-' else self.PUSH)
            assert protocol.opaque == (Opaque('pub/sub') if replies[:1] == b'-' else None)

    @pytest.mark.parametrize(
        ('request_', 'reply'),
        [
            (command('RESET'), b'+RESET\r\n'),
            (command('HELLO', '2'), b'*2\r\n+proto\r\n:2\r\n'),
            (b'hello 2\r\n', b'*2\r\n+proto\r\n:2\r\n'),
        ],
    )
    def test_back_to_resp2(self, request_: bytes, reply: bytes) -> None:
        protocol = resp3(request_)
        protocol.feed_downstream(reply)
        protocol.feed_upstream(command('SUBSCRIBE', 'a'))
        protocol.feed_downstream(self.PUSH.replace(b'>', b'*'))
        assert protocol.opaque == Opaque('pub/sub')

    @pytest.mark.parametrize(
        ('request_', 'reply'), [(command('HELLO'), b'%1\r\n+proto\r\n:3\r\n'), (command('HELLO', '2'), b'-ERR no\r\n')]
    )
    def test_still_resp3(self, request_: bytes, reply: bytes) -> None:
        protocol = resp3(request_)
        protocol.feed_downstream(reply)
        protocol.feed_upstream(command('SUBSCRIBE', 'a'))
        assert [kind for kind, _ in protocol.feed_downstream(self.PUSH)] == [REPLY]

    def test_withdrawn_hello_changes_nothing(self) -> None:
        protocol = asked(HELLO_3, GET)
        protocol.withdraw()
        assert list(protocol.feed_downstream(VALUE)) == [(REPLY, len(VALUE))]
        protocol.feed_upstream(command('SUBSCRIBE', 'a'))
        protocol.feed_downstream(self.PUSH.replace(b'>', b'*'))
        assert protocol.opaque == Opaque('pub/sub')

    def test_in_a_transaction_resp3(self) -> None:
        protocol = resp3(command('MULTI'), command('SUBSCRIBE', 'a'), command('EXEC'), command('SUBSCRIBE', 'b'), GET)
        replies = [OK, b'+QUEUED\r\n', b'*1\r\n' + self.PUSH, self.PUSH, VALUE]
        marks = protocol.feed_downstream(b''.join(replies))
        assert [kind for kind, _ in marks] == [REPLY] * 5

    def test_in_a_transaction_resp2(self) -> None:
        protocol = asked(command('MULTI'), command('SUBSCRIBE', 'a'))
        protocol.feed_downstream(OK + b'+QUEUED\r\n')
        assert protocol.opaque == Opaque('pub/sub')

    @pytest.mark.parametrize(('channels', 'replies'), [(0, 1), (1, 1), (3, 3)])
    def test_unsubscribe_in_resp2_has_a_reply_for_each(self, channels: int, replies: int) -> None:
        one = b'*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n'
        data = one * replies + VALUE
        expected = [(REPLY, len(one) * replies), (REPLY, len(data))]
        for pieces in ([data], feeding.single(data)):
            protocol = asked(command('UNSUBSCRIBE', *[b'a'] * channels), GET)
            assert feeding.downstream(protocol, pieces) == expected

    def test_unsubscribe_refused(self) -> None:
        protocol = asked(command('UNSUBSCRIBE', 'a', 'b'), GET)
        assert [kind for kind, _ in protocol.feed_downstream(b'-NOPERM no\r\n' + VALUE)] == [REPLY, REPLY]


def test_monitor_in_a_transaction_is_queued() -> None:
    protocol = asked(command('MULTI'), command('MONITOR'), command('EXEC'), GET)
    data = OK + b'+QUEUED\r\n' + b"*1\r\n-ERR isn't allowed\r\n" + VALUE
    assert [kind for kind, _ in protocol.feed_downstream(data)] == [REPLY] * 4


SKIP, OFF, ON = (command('CLIENT', 'REPLY', mode) for mode in ('SKIP', 'off', 'ON'))


class TestClientReply:
    """Tests CLIENT REPLY; what a server answers was tried with Redis 7.0."""

    @pytest.mark.parametrize(
        ('requests', 'answered'),
        [
            ([SKIP, GET, GET], [0, 0, 1]),
            ([OFF, GET, GET, ON, GET], [0, 0, 0, 1, 1]),
            ([b'client reply off\r\n', GET, b'CLIENT REPLY ON\r\n'], [0, 0, 1]),
            ([SKIP, ON, GET], [0, 1, 1]),
            ([SKIP, SKIP, GET, GET], [0, 0, 0, 1]),
            ([SKIP, OFF, GET, ON, GET], [0, 0, 0, 1, 1]),
            ([OFF, SKIP, ON, GET], [0, 0, 1, 1]),
            ([SKIP, b'\r\n' + GET], [0, 1]),
            ([command('CLIENT', 'REPLY', 'BAD'), GET], [1, 1]),
            ([command('CLIENT', 'REPLY'), command('CLIENT', 'REPLY', 'OFF', 'x'), GET], [1, 1, 1]),
            ([OFF, command('RESET'), GET], [0, 1, 1]),
            ([SKIP, command('RESET'), GET], [0, 0, 1]),
            ([OFF, command('SUBSCRIBE', 'a')], [0, 1]),
            ([OFF, command('SUBSCRIBE')], [0, 0]),
            ([OFF, command('HELLO', '3'), command('MULTI'), command('CLIENT', 'ID')], [0, 0, 0, 0]),
        ],
    )
    def test_table(self, requests: list[bytes], answered: list[int]) -> None:
        expected: list[Mark] = []
        end = 0
        for request, answer in zip(requests, answered, strict=True):
            end += len(request)
            expected += [(REQUEST, end)] if answer else [(REQUEST, end), (UNANSWERED, end)]
        data = b''.join(requests)
        for pieces in ([data], requests, feeding.single(data)):
            given_back, marks = feeding.upstream(Redis(), pieces)
            assert given_back == data
            assert feeding.uncut(marks) == expected

    def test_replies_are_for_the_answered(self) -> None:
        protocol = asked(GET, OFF, GET, ON, GET)
        data = VALUE + OK + VALUE
        assert [kind for kind, _ in protocol.feed_downstream(data)] == [REPLY] * 3


def test_replies_show_that_off_was_refused() -> None:
    protocol = asked(OFF, GET, replies=b'-NOPERM no\r\n' + VALUE)
    assert UNANSWERED not in [kind for kind, _ in protocol.feed_upstream(GET)[1]]


@pytest.mark.parametrize('quit', [b'quit\r\n', command('QUIT'), command('QUIT', 'now', 'please')])
def test_nothing_is_a_request_behind_quit(quit: bytes) -> None:
    data = GET + quit + GET + b'\x16\x03' + GET[:5]
    for pieces in ([data], feeding.single(data)):
        given_back, marks = feeding.upstream(Redis(), pieces)
        assert given_back == data
        assert feeding.uncut(marks) == [(REQUEST, len(GET)), (REQUEST, len(GET + quit))]


def test_large_value_costs_no_memory() -> None:
    chunk = bytes(1 << 16)
    size = 200 << 20
    first = b'*2\r\n:1\r\n$%d\r\n' % size
    protocol = asked(GET, GET)
    tracemalloc.start()
    assert feeding.downstream(protocol, [first, *[chunk] * 3199]) == []
    assert tracemalloc.get_traced_memory()[1] < 200_000
    tracemalloc.stop()
    assert protocol.downstream_body == 1 << 16
    end = len(first) + size + 2
    assert protocol.feed_downstream(chunk + b'\r\n' + VALUE) == [(REPLY, end), (REPLY, end + len(VALUE))]


# Any stream of valid messages.

blobs = st.one_of(st.binary(max_size=12), st.sampled_from([b'\r\n', GET, VALUE, b'x' * 1030, b'']))
names = st.sampled_from([b'GET', b'set', b'MGET', b'EVAL', b'EXEC'])
arrays = st.builds(lambda name, words: command(name, *words), names, st.lists(blobs, max_size=5))
inlines = st.sampled_from([b'PING\r\n', b'get a\n', b' SET a "b c" \r\n'])
empties = st.sampled_from([b'', b'', b'\r\n', b'*0\r\n', b'*-1\r\n\n'])
requests = st.builds(lambda empty, request: empty + request, empties, st.one_of(arrays, inlines))

lines = st.sampled_from([OK, b'-ERR\r\n', b':5\r\n', b'_\r\n', b'#f\r\n', b',1\r\n', b'(1\r\n', b'$-1\r\n', b'*-1\r\n'])
bulks = st.builds(
    lambda kind, blob: b'%b%d\r\n%b\r\n' % (kind, len(blob), blob), st.sampled_from([b'$', b'!', b'=']), blobs
)


def _aggregates(values: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    flat = st.builds(
        lambda kind, items: b'%b%d\r\n' % (kind, len(items)) + b''.join(items),
        st.sampled_from([b'*', b'~']),
        st.lists(values, max_size=4),
    )
    pairs = st.lists(st.builds(bytes.__add__, values, values), max_size=2)
    maps = pairs.map(lambda items: b'%%%d\r\n' % len(items) + b''.join(items))
    attributes = st.builds(lambda items, value: b'|%d\r\n' % len(items) + b''.join(items) + value, pairs, values)
    return st.one_of(flat, maps, attributes)


replies = st.recursive(st.one_of(lines, bulks), _aggregates, max_leaves=12)
cuts = st.lists(st.integers(0, 10_000), max_size=12)


@given(st.lists(requests, max_size=8), cuts)
def test_requests_cut_anywhere(messages: list[bytes], places: list[int]) -> None:
    data = b''.join(messages)
    ends = [sum(map(len, messages[: k + 1])) for k in range(len(messages))]
    for pieces in ([data], feeding.cut(data, places), messages):
        given_back, marks = feeding.upstream(Redis(), pieces)
        assert given_back == data
        assert feeding.uncut(marks) == [(REQUEST, end) for end in ends]


@given(st.lists(replies, max_size=8), cuts)
def test_replies_cut_anywhere(messages: list[bytes], places: list[int]) -> None:
    data = b''.join(messages)
    ends = [sum(map(len, messages[: k + 1])) for k in range(len(messages))]
    for pieces in ([data], feeding.cut(data, places), messages):
        protocol = asked(*[GET] * len(messages))
        assert feeding.downstream(protocol, pieces) == [(REPLY, end) for end in ends]


# Any bytes at all.

specials = st.sampled_from(
    [SKIP, OFF, ON, command('HELLO', '3'), command('RESET'), command('MULTI'), b'*2\r\n', b'$3\r\n']
)
confirmed = st.sampled_from([request for request, _, _ in ENDINGS] + [command('UNSUBSCRIBE', 'a', 'b')])
fragments = st.one_of(requests, replies, specials, confirmed, st.binary(max_size=8))
anything = feeding.anything(fragments)


@given(anything, cuts)
def test_any_bytes_upstream(data: bytes, places: list[int]) -> None:
    whole, marks = feeding.upstream(Redis(), [data])
    assert whole == data
    cut, marks_of_cut = feeding.upstream(Redis(), feeding.cut(data, places))
    assert cut == data
    assert feeding.uncut(marks_of_cut) == feeding.uncut(marks)


@given(anything, cuts, st.lists(st.one_of(requests, specials, confirmed), max_size=6))
def test_any_bytes_downstream(data: bytes, places: list[int], before: list[bytes]) -> None:
    protocols = [Redis(), Redis()]
    for protocol in protocols:
        feeding.upstream(protocol, before)
    marks = feeding.downstream(protocols[0], [data])
    assert feeding.downstream(protocols[1], feeding.cut(data, places)) == marks


class TestDescribe:
    @pytest.mark.parametrize(
        ('request_', 'text'),
        [
            (command('set', 'user:1', 'secret'), 'SET user:1'),
            (command('PING'), 'PING'),
            (b'get  user:1 \r\n', 'GET user:1'),
            (b'SET "a b" c\r\n', 'SET a b'),
            (b"SET 'a \"b' c\n", 'SET a "b'),
            (b'GET a"\\x62 \\"\\n\\q"\r\n', 'GET ab "\\nq'),
            (b"GET 'it\\'s \\n'\r\n", "GET it's \\\\n"),
            (b'GET ""\r\n', 'GET '),
            (b'GET "a"b\r\n', '10 bytes'),
            (b'GET "a b\r\n', '10 bytes'),
            (b'\r\n*0\r\n' + GET, 'GET user:1'),
            (command('SET', b'\x00\xff\n', 'x'), 'SET \\x00\\xff\\n'),
            (command('GET', b'k' * 300), 'GET ' + 'k' * 196),
            (b'*3\r\n$4\r\nEVAL\r\n$70000\r\n', 'EVAL'),
            (command('AUTH', 'secret'), 'AUTH'),
            (b'auth user secret\r\n', 'AUTH'),
            (command('HELLO', '3', 'AUTH', 'user', 'secret'), 'HELLO 3'),
            (command('ACL', 'SETUSER', 'user', '>secret'), 'ACL SETUSER'),
            (command('CONFIG', 'SET', 'requirepass', 'secret'), 'CONFIG SET'),
            (command('MIGRATE', 'host', '1', 'k', '0', '1', 'AUTH', 'secret'), 'MIGRATE'),
            (b'*1\r\n$x\r\nsecret', '14 bytes'),
            (b'*2\r\n$4\r\nAUTH\r\n', '14 bytes'),
            (b'\x16\x03', '2 bytes'),
            (b'', '0 bytes'),
        ],
    )
    def test_table(self, request_: bytes, text: str) -> None:
        assert Redis().describe(request_) == text

    @given(st.one_of(requests, fragments, anything))
    def test_the_quick_way_agrees(self, request_: bytes) -> None:
        assert text.describe(request_) == text._describe_any(request_)

    @given(st.one_of(st.binary(), anything))
    def test_printable_and_short(self, request_: bytes) -> None:
        text = Redis().describe(request_)
        assert text == '' or text.isprintable()
        assert len(text) <= 200


def test_error() -> None:
    protocol = asked(GET)
    error = protocol.error()
    assert error.data == b'-ERR injected by vaurien\r\n'
    assert not error.closes
    assert list(protocol.feed_downstream(error.data)) == [(REPLY, len(error.data))]


@pytest.mark.parametrize(
    ('message', 'sent'),
    [
        ('boom', '-ERR boom'),
        ('Out of order', '-ERR Out of order'),
        ('OOM', "-OOM command not allowed when used memory > 'maxmemory'."),
        ('LOADING', '-LOADING Redis is loading the dataset in memory'),
        ('LOADING 3 percent', '-LOADING 3 percent'),
        ('MOVED 1234 127.0.0.1:6381', '-MOVED 1234 127.0.0.1:6381'),
        ('ASK 1 :6381', '-ASK 1 :6381'),
        ('CUSTOM', '-CUSTOM'),
        ('NOSTOCK sold out', '-NOSTOCK sold out'),
        ('ERRATIC', '-ERRATIC'),
        ('MULTI calls can not be nested', '-ERR MULTI calls can not be nested'),
        ('DB index is out of range', '-ERR DB index is out of range'),
    ],
)
def test_error_with_a_message(message: str, sent: str) -> None:
    Redis.check_error({'message': message})
    assert asked(GET).error(message).data == f'{sent}\r\n'.encode()


@pytest.mark.parametrize(
    ('message', 'is_rejection'),
    [
        (INJECTED, True),
        ('OOM', True),
        ('NOPERM no', True),
        ('ASK 1 :6381', True),
        ("unknown command 'FOO'", True),
        ("ERR unknown subcommand 'FOO'. Try CLIENT HELP.", True),
        ("ERR wrong number of arguments for 'get' command", True),
        ('Command not allowed inside a transaction', True),
        ('ERR DEBUG command not allowed.', True),
        ("unknown subcommand or wrong number of arguments for 'FOO'. Try OBJECT HELP.", False),
        ('This Redis command is not allowed from script', False),
        ('WATCH inside MULTI is not allowed', False),
        ('value is not an integer or out of range', False),
        ('IOERR error or timeout writing to target instance', False),
        ('WRONGTYPE', False),
        ('NOSTOCK sold out', False),
    ],
)
def test_rejections(message: str, is_rejection: bool) -> None:
    """A server says so before it queues a command, or carries it out."""
    assert transaction.is_rejection(message) == is_rejection


@pytest.mark.parametrize('message', ['MOVED', 'MOVED 1234', 'ASK 1234 nowhere', 'MOVED x 127.0.0.1:6381'])
def test_redirections_need_a_target(message: str) -> None:
    with pytest.raises(OptionError, match='expected a slot and an address') as caught:
        Redis.check_error({'message': message})
    assert caught.value.path == 'message'


def test_withdrawn_request_is_not_expected() -> None:
    protocol = asked(command('MONITOR'), GET)
    protocol.withdraw()
    assert list(protocol.feed_downstream(OK)) == [(REPLY, len(OK))]
    assert not protocol.opaque
