"""What every protocol says of the meaning of requests and replies, and which faults it has tried on them.

What each of them means by it in detail is in the tests beside this one, on what real servers reply.
"""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tests.protocols.test_base import NAMES
from vaurien.framing.meaning import SHOWN_OF_REPLY, Effect, Meaning, ReplyClass, ReplyMeaning
from vaurien.framing.trials import USUAL_TRIALS, Kind
from vaurien.protocols import Protocol
from vaurien.protocols.base import BaseProtocol
from vaurien.rules.behaviors import make_rules

#: How requests and replies begin, and may go on, in one protocol or another.
PIECES = st.sampled_from(
    [
        *(
            b'Q\0\0\0\x20INSERT INTO a ',
            b'P\0\0\0\x10\0',
            b'B\0\0\0\x09\0\0',
            b'E\0\0\0\x05',
            b'S\0\0\0\4',
            b'F\0\0\0\4',
        ),
        *(b'C\0\0\0\x0d', b'UPDATE 1\0', b'UPDATE 0\0', b'Z\0\0\0\5', b'T', b'D\0\0\0', b'\0\0\0\x08\0\3\0\0'),
        *(b'\x09\0\0\0\3UPDATE a SET b = ', b'\5\0\0\0\x17\1\0\0\0', b'\7\0\0\1\0\0\0\2\0\0\0', b'\1\0\0\1\1'),
        *(b'\5\0\0\6\xfe\0\0\2\0', b'\x09\0\0\1\xff\x15\4#40001', b'\xff\xff\xff\0', b'\xfc', b'\xfe'),
        *(b'POST / HTTP/1.1\r\n', b'Idempotency-Key: \xff', b'HTTP/1.1 100 \r\n\r\n', b'HTTP/1.0 307', b'\r\n\r\n'),
        *(b'*2\r\n$4\r\nZADD\r\n', b'MULTI\r\n', b'EXEC\r\n', b':0\r\n', b'$-1\r\n', b'-ERR\r\n', b'+QUEUED\r\n'),
        *(b'ms a 1 MA\r\n', b'get', b'\x80\x11\0\1', b'\x81\0\0\0\0\0\0\2', b'SERVER_ERROR ', b'END\r\n'),
        *(b'BDAT 0 LAST\r\n', b'MAIL', b'354 \r\n', b'250-', b'550 \r\n', b'42', b'\n', b' ', b'\0'),
    ]
)
BYTES = st.lists(PIECES | st.binary(max_size=4), max_size=6).map(b''.join)


def test_the_base_claims_nothing() -> None:
    protocol = BaseProtocol()
    assert protocol.meaning(b'', 'greeting') == Meaning(Effect.CONNECT)
    assert protocol.meaning(b'anything', '8 bytes') == Meaning(Effect.WRITE)
    assert protocol.reply_meaning(b'reply', b'reply', Meaning(Effect.WRITE)) == ReplyMeaning(ReplyClass.OK)
    assert [protocol.find_middle(b'', size) for size in (0, 1, 2, 9)] == [0, 0, 1, 4]
    assert protocol.trials == USUAL_TRIALS


@pytest.mark.parametrize('name', NAMES)
@given(request_=BYTES, head=BYTES, tail=BYTES, effect=st.sampled_from(Effect), repeatable=st.booleans())
def test_any_bytes_have_some_meaning(
    name: str, request_: bytes, head: bytes, tail: bytes, effect: Effect, repeatable: bool
) -> None:
    """The end of a reply need not be what its beginning promises."""
    protocol = Protocol.get(name)()
    assert isinstance(protocol.meaning(request_, protocol.describe(request_)), Meaning)
    for end in (head, tail):
        assert isinstance(protocol.reply_meaning(head, end, Meaning(effect, repeatable)), ReplyMeaning)


@pytest.mark.parametrize('name', NAMES)
@given(reply=BYTES)
def test_the_middle_of_any_reply_is_inside_of_it(name: str, reply: bytes) -> None:
    for head, size in ((reply, len(reply)), (reply, SHOWN_OF_REPLY + 1)):
        assert 0 < Protocol.get(name)().find_middle(head, size) < size or size < 2


@pytest.mark.parametrize('name', NAMES)
def test_each_of_its_trials_can_be_armed(name: str) -> None:
    protocol = Protocol.get(name)
    assert protocol.trials[: len(USUAL_TRIALS)] == USUAL_TRIALS
    assert len({(trial.kind, trial.detail) for trial in protocol.trials}) == len(protocol.trials)
    for trial in protocol.trials:
        if trial.kind is not Kind.REFUSED:
            (rule,) = make_rules(trial.behavior.format(seconds=1.5, bytes=3))
            rule.kind.check_protocol(rule.options, protocol)


@pytest.mark.parametrize('name', sorted({*NAMES} - {'tcp'}))
def test_it_says_no_in_a_way_that_passes_and_to_writes_in_one_that_does_not(name: str) -> None:
    retryable, permanent = (trial for trial in Protocol.get(name).trials if trial.kind is Kind.NO)
    for trial in (retryable, permanent):
        assert trial.effects is None or Effect.WRITE in trial.effects
    assert permanent.effects is not None
    assert Effect.READ not in permanent.effects


@pytest.mark.parametrize(
    ('name', 'detail', 'possible', 'impossible'),
    [
        ('redis', 'OOM', ['SET a', 'RPUSH a', 'EXEC'], ['DEL a', 'EXPIRE a', 'HDEL a', 'LPOP a', 'ZREM a']),
        ('redis', 'LOADING', ['DEL a', 'EXEC'], ['MULTI', 'DISCARD', 'WATCH a', 'PUBLISH a']),
        ('memcache', 'too large', ['set a', 'ms a', 'setq a'], ['delete a', 'touch a', 'incr a', 'md a', 'flush_all']),
        ('memcache', 'memory', ['set a', 'incr a'], []),
        ('postgres', '23505', ['INSERT INTO a', 'update a', 'COMMIT'], ['DELETE FROM a', 'truncate a', 'DROP TABLE a']),
        ('mysql', '1062', ['INSERT INTO a', 'replace into a'], ['DELETE FROM a', 'delete from a']),
    ],
)
def test_it_says_no_to_what_a_server_would(name: str, detail: str, possible: list[str], impossible: list[str]) -> None:
    (trial,) = (trial for trial in Protocol.get(name).trials if trial.detail == detail)
    assert [text for text in possible + impossible if trial.suits(text, Effect.WRITE)] == possible
