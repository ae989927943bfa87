"""What commands of Redis do, and what the replies of a real server say of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from tests.behaviors.clients import redis_client
from tests.protocols.relay import CONNECT, ERROR, NOTHING, OK, ONCE, READ, STEP, WRITE, Relay, relaying
from tests.servers import Server
from vaurien.framing.meaning import Effect, Meaning, ReplyClass, ReplyMeaning, TransactionState
from vaurien.protocols.redis import Redis
from vaurien.protocols.redis.refusals import EARLY, GROWING


@pytest.fixture(scope='module')
def relay(redis_server: Server) -> Iterator[Relay]:
    with relaying(redis_server, Redis) as relay:
        yield relay


@pytest.fixture(params=[2, 3], ids=['RESP2', 'RESP3'])
def client(relay: Relay, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Yield a client of either version; the keys are those of this test."""
    with redis_client(relay.port, protocol=request.param) as client:
        client.delete(*(f'meaning:{name}' for name in 'abcdefgh'))
        client.set('meaning:a', 1)
        client.rpush('meaning:l', 'x')
        client.ltrim('meaning:l', 0, 0)
        relay.forget()
        yield client


def test_to_connect_is_no_more_than_that(relay: Relay) -> None:
    with redis_client(relay.port, protocol=3, client_name='me', db=1):
        pass
    said = relay.take_all()
    assert {one.text.split()[0] for one in said} >= {'HELLO', 'CLIENT', 'SELECT', 'PING'}
    assert {one.meaning for one in said} == {CONNECT}
    assert {one.reply_meaning for one in said} <= {OK, ERROR}  # a server may not know CLIENT SETINFO


@pytest.mark.parametrize(
    ('command', 'meaning', 'reply'),
    [
        ('GET meaning:a', READ, OK),
        ('GET meaning:b', READ, NOTHING),
        ('LLEN meaning:a', READ, ERROR),
        ('SMEMBERS meaning:b', READ, NOTHING),
        ('HGETALL meaning:b', READ, NOTHING),
        ('LRANGE meaning:l 0 -1', READ, OK),
        ('SET meaning:a 2', WRITE, OK),
        ('SET meaning:a 2 NX', WRITE, NOTHING),
        ('DEL meaning:a', WRITE, OK),
        ('DEL meaning:b', WRITE, NOTHING),
        ('SADD meaning:b x', WRITE, OK),
        ('EXPIRE meaning:b 10', WRITE, NOTHING),
        ('ZADD meaning:b 1 x', WRITE, OK),
        ('ZADD meaning:b INCR 1 x', ONCE, OK),
        ('BITFIELD meaning:b INCRBY u8 0 1', ONCE, OK),
        ('BITFIELD meaning:b SET u8 0 1', WRITE, OK),
        ('INCR meaning:a', ONCE, OK),
        ('DECR meaning:a', ONCE, OK),  # to 0, which is not nothing
        ('INCR meaning:l', ONCE, ERROR),
        ('LPUSH meaning:b x', ONCE, OK),
        ('LPOP meaning:b', ONCE, NOTHING),
        ('XADD meaning:b * k v', ONCE, OK),
        ('XADD meaning:b 7-1 k v', WRITE, OK),
        ('PUBLISH meaning:b x', WRITE, NOTHING),
        ('EVAL return(1) 0', WRITE, OK),
        ('WATCH meaning:a', STEP, OK),
        ('JSON.SET meaning:b $ 1', WRITE, ERROR),
    ],
)
def test_commands(relay: Relay, client: Any, command: str, meaning: Meaning, reply: ReplyMeaning) -> None:
    try:
        client.execute_command(*command.split())
    except redis.ResponseError:
        assert reply == ERROR
    (said,) = relay.take()
    assert (said.meaning, said.reply_meaning) == (meaning, reply)
    assert 0 < said.middle < len(said.reply)


def test_a_transaction(relay: Relay, client: Any) -> None:
    with client.pipeline() as pipeline:
        pipeline.incr('meaning:a')
        pipeline.get('meaning:a')
        pipeline.execute()
    client.incr('meaning:a')
    queued = ReplyMeaning(ReplyClass.OK, TransactionState.OPEN)
    assert [(one.meaning, one.reply_meaning) for one in relay.take()] == [
        (Meaning(Effect.BEGIN), queued),
        (STEP._replace(repeatable=False), queued),
        (STEP, queued),
        (Meaning(Effect.COMMIT), ReplyMeaning(ReplyClass.OK, TransactionState.NONE)),
        (ONCE, OK),
    ]


def test_a_transaction_that_comes_to_nothing(relay: Relay, client: Any) -> None:
    with client.pipeline() as pipeline:
        pipeline.watch('meaning:a')
        client.incr('meaning:a')
        pipeline.multi()
        pipeline.incr('meaning:a')
        with pytest.raises(redis.WatchError):
            pipeline.execute()
        pipeline.multi()
        pipeline.execute_command('NONSENSE')
        with pytest.raises(redis.ResponseError):
            pipeline.execute()
    ends = [one.reply_meaning for one in relay.take() if one.meaning.effect is Effect.COMMIT]
    assert ends == [ReplyMeaning(kind, TransactionState.NONE) for kind in (ReplyClass.ROLLED_BACK, ReplyClass.ERROR)]


def test_a_transaction_that_is_given_up(relay: Relay, client: Any) -> None:
    with client.client() as one:
        for command in ('MULTI', 'INCR meaning:a', 'DISCARD', 'INCR meaning:a'):
            one.execute_command(*command.split())
    effects = [said.meaning.effect for said in relay.take()]
    assert effects == [Effect.BEGIN, Effect.STEP, Effect.ROLLBACK, Effect.WRITE]


def test_a_transaction_in_a_transaction(relay: Relay, client: Any) -> None:
    """It is refused, and the first one goes on."""
    with client.client() as one:
        one.execute_command('MULTI')
        with pytest.raises(redis.ResponseError, match='nested'):
            one.execute_command('MULTI')
        for command in ('GET meaning:a', 'DISCARD'):
            one.execute_command(*command.split())
    effects = [said.meaning.effect for said in relay.take()]
    assert effects == [Effect.BEGIN, Effect.STEP, Effect.STEP, Effect.ROLLBACK]


def test_errors_are_tried_on_commands_that_a_real_server_refuses_so(relay: Relay, client: Any) -> None:
    """`COMMAND` has no flag for what scripts do, and EXEC is refused if what it carries out is."""
    flags = {name.upper(): set(said['flags']) for name, said in client.command().items()}
    refused = {name for name, said in flags.items() if 'denyoom' in said}
    assert GROWING & flags.keys() - refused == {'EVAL', 'EVALSHA', 'FCALL', 'EXEC'} & flags.keys()
    assert all('loading' in flags[name] for name in EARLY & flags.keys())
