"""What commands of Redis do, and what replies say of that.

Sources: the groups of https://redis.io/docs/latest/commands/; for transactions, develop/using-commands/transactions.
"""

from __future__ import annotations

from vaurien.framing.meaning import Effect, Meaning, ReplyClass, ReplyMeaning, TransactionState

_WORDS: dict[Effect, str] = {
    # Subscriptions are about the connection, too.
    Effect.CONNECT: (
        'AUTH HELLO CLIENT PING ECHO QUIT SELECT RESET COMMAND INFO READONLY READWRITE ASKING CLUSTER SENTINEL ROLE '
        'REPLCONF SYNC PSYNC MONITOR SUBSCRIBE PSUBSCRIBE SSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE'
    ),
    Effect.READ: (
        'GET MGET STRLEN GETRANGE SUBSTR GETBIT BITCOUNT BITPOS BITFIELD_RO LCS EXISTS TTL PTTL EXPIRETIME PEXPIRETIME '
        'TYPE KEYS SCAN RANDOMKEY DBSIZE DUMP OBJECT TOUCH SORT_RO TIME WAIT WAITAOF MEMORY SLOWLOG LATENCY LASTSAVE '
        'HGET HMGET HGETALL HEXISTS HKEYS HVALS HLEN HSTRLEN HSCAN HRANDFIELD HTTL HPTTL HEXPIRETIME HPEXPIRETIME '
        'LLEN LRANGE LINDEX LPOS SCARD SMEMBERS SISMEMBER SMISMEMBER SRANDMEMBER SSCAN SINTER SINTERCARD SUNION SDIFF '
        'ZCARD ZCOUNT ZLEXCOUNT ZRANGE ZREVRANGE ZRANGEBYSCORE ZREVRANGEBYSCORE ZRANGEBYLEX ZREVRANGEBYLEX ZRANK '
        'ZREVRANK ZSCORE ZMSCORE ZRANDMEMBER ZSCAN ZINTER ZINTERCARD ZUNION ZDIFF XLEN XRANGE XREVRANGE XREAD XINFO '
        'XPENDING PFCOUNT GEOHASH GEOPOS GEODIST GEOSEARCH GEORADIUS_RO GEORADIUSBYMEMBER_RO PUBSUB '
        'EVAL_RO EVALSHA_RO FCALL_RO'
    ),
    Effect.STEP: 'WATCH UNWATCH',
    Effect.BEGIN: 'MULTI',
    Effect.COMMIT: 'EXEC',
    Effect.ROLLBACK: 'DISCARD',
}
#: Writes that change more the second time. A script may do anything, so nothing is claimed of it.
_UNREPEATABLE = (
    'INCR INCRBY INCRBYFLOAT DECR DECRBY APPEND HINCRBY HINCRBYFLOAT ZINCRBY LPUSH RPUSH LPUSHX RPUSHX LINSERT LREM '
    'LTRIM LPOP RPOP LMPOP BLPOP BRPOP BLMPOP LMOVE BLMOVE RPOPLPUSH BRPOPLPUSH SPOP ZPOPMIN ZPOPMAX ZMPOP BZPOPMIN '
    'BZPOPMAX BZMPOP ZREMRANGEBYRANK XREADGROUP SWAPDB'
)
_MEANINGS = {
    **{word: Meaning(effect) for effect, words in _WORDS.items() for word in words.split()},
    **dict.fromkeys(_UNREPEATABLE.split(), Meaning(Effect.WRITE, repeatable=False)),
}
#: What no list has: a write that leaves the same, or of which nobody knows.
_WRITE = Meaning(Effect.WRITE)
#: An argument with which a command changes more the second time: an entry of a number yet to be chosen, an increment.
_ARGUMENTS = {'BITFIELD': b'\r\nINCRBY\r\n', 'XADD': b'\r\n*\r\n', 'ZADD': b'\r\nINCR\r\n'}

#: Replies that there was nothing, or false; and that a number is none, which may also be what a counter has come to.
_NIL = {b'$-1\r\n', b'*-1\r\n', b'_\r\n'}
_NOTHING = _NIL | {b'*0\r\n', b'%0\r\n', b'~0\r\n', b'#f\r\n'}
_ZERO = b':0\r\n'
_FAILURES = {b'-', b'!'}


def read_meaning(request: bytes, name: str) -> Meaning:
    """Return what *request*, a command of that *name*, does where no transaction is being put together."""
    argument = _ARGUMENTS.get(name)
    if argument is not None and argument in request.upper():
        return _WRITE._replace(repeatable=False)
    return _MEANINGS.get(name, _WRITE)


def queue(meaning: Meaning) -> Meaning:
    """Return what a command of that *meaning* does behind MULTI."""
    is_queued = meaning.effect in (Effect.READ, Effect.WRITE, Effect.CONNECT)
    return meaning._replace(effect=Effect.STEP) if is_queued else meaning


def read_reply(head: bytes, meaning: Meaning) -> ReplyMeaning:
    """Return what a reply says that begins like this."""
    kind, effect = _classify(head, meaning), meaning.effect
    if effect in (Effect.READ, Effect.WRITE):
        return ReplyMeaning(kind)
    if effect in (Effect.COMMIT, Effect.ROLLBACK):
        return ReplyMeaning(kind, TransactionState.NONE)
    is_within = head.startswith(b'+QUEUED') or (effect is Effect.BEGIN and kind is ReplyClass.OK)
    return ReplyMeaning(kind, TransactionState.OPEN if is_within else None)


def _classify(head: bytes, meaning: Meaning) -> ReplyClass:
    if head[:1] in _FAILURES:
        return ReplyClass.ERROR
    if meaning.effect is Effect.COMMIT:  # nil if a key that was watched has changed
        return ReplyClass.ROLLED_BACK if head in _NIL else ReplyClass.OK
    if head in _NOTHING:
        return ReplyClass.NOTHING
    return ReplyClass.NOTHING if head == _ZERO and meaning.repeatable else ReplyClass.OK
