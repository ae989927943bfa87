"""Fuzzing of the framers, with the properties of the test suite and many more examples.

Invariant: whatever bytes arrive, cut at whatever places, no exception leaves a framer, what it gives back is what came
in, byte for byte and in order, and where the cuts are changes no mark. Valid messages end where an independent reader
says. The quick way of a protocol agrees with its full way.

Run with ``make fuzz``; FUZZ_EXAMPLES=100000 looks longer.
"""

from __future__ import annotations

from tests.protocols.test_http import (
    test_any_bytes_downstream as test_http_replies,
    test_any_bytes_upstream as test_http_requests,
    test_replies_end_where_h11_says,
    test_requests_end_where_h11_says,
)
from tests.protocols.test_memcache import (
    test_any_bytes_downstream as test_memcache_replies,
    test_any_bytes_upstream as test_memcache_requests,
)
from tests.protocols.test_mysql import (
    test_any_bytes_downstream as test_mysql_replies,
    test_any_bytes_upstream as test_mysql_requests,
)
from tests.protocols.test_postgres import (
    test_any_bytes_downstream as test_postgres_replies,
    test_any_bytes_upstream as test_postgres_requests,
    test_both_streams_by_turns,
)
from tests.protocols.test_quick import test_the_two_ways_agree_on_anything
from tests.protocols.test_redis import (
    test_any_bytes_downstream as test_redis_replies,
    test_any_bytes_upstream as test_redis_requests,
    test_replies_cut_anywhere,
    test_requests_cut_anywhere,
)
from tests.protocols.test_smtp import test_any_bytes as test_smtp

__all__ = [
    'test_both_streams_by_turns',
    'test_http_replies',
    'test_http_requests',
    'test_memcache_replies',
    'test_memcache_requests',
    'test_mysql_replies',
    'test_mysql_requests',
    'test_postgres_replies',
    'test_postgres_requests',
    'test_redis_replies',
    'test_redis_requests',
    'test_replies_cut_anywhere',
    'test_replies_end_where_h11_says',
    'test_requests_cut_anywhere',
    'test_requests_end_where_h11_says',
    'test_smtp',
    'test_the_two_ways_agree_on_anything',
]
