"""Which commands a server refuses, and which it does not, in the states of which exploring speaks.

Source: the flags ``denyoom`` and ``loading`` in the replies of Redis 7.0 to COMMAND.
"""

from __future__ import annotations

_GROWING = (
    'APPEND BITFIELD BITOP BLMOVE BRPOPLPUSH COPY DECR DECRBY GEOADD GEORADIUS GEORADIUSBYMEMBER GEOSEARCHSTORE '
    'GETSET HINCRBY HINCRBYFLOAT HMSET HSET HSETNX INCR INCRBY INCRBYFLOAT LINSERT LMOVE LPUSH LPUSHX LSET MSET '
    'MSETNX PFADD PFMERGE PSETEX RESTORE RPOPLPUSH RPUSH RPUSHX SADD SDIFFSTORE SET SETBIT SETEX SETNX SETRANGE '
    'SINTERSTORE SORT SUNIONSTORE XADD XSETID ZADD ZDIFFSTORE ZINCRBY ZINTERSTORE ZRANGESTORE ZUNIONSTORE '
    'EVAL EVALSHA FCALL EXEC'
)
_EARLY = 'DISCARD LASTSAVE MULTI PUBLISH SPUBLISH TIME UNWATCH WATCH'

#: What a server refuses that is out of memory: whatever makes data grow, scripts, and EXEC of such a command.
GROWING = frozenset(_GROWING.split())
#: What a server carries out while it loads its data, beside what is about the connection alone.
EARLY = frozenset(_EARLY.split())
