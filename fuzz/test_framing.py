"""Fuzzing of the framers, with the properties of the test suite and many more examples.

Invariant: whatever bytes arrive, cut at whatever places, no exception leaves a framer, what it gives back is what came
in, byte for byte and in order, and where the cuts are changes no mark; valid messages end where an independent reader
says. Run with ``make fuzz``; FUZZ_EXAMPLES=100000 looks longer.
"""

from __future__ import annotations

from tests.protocols.test_http import (
    test_any_bytes_downstream as test_http_replies,
    test_any_bytes_upstream as test_http_requests,
    test_replies_end_where_h11_says,
    test_requests_end_where_h11_says,
)
from tests.protocols.test_redis import (
    test_any_bytes_downstream as test_redis_replies,
    test_any_bytes_upstream as test_redis_requests,
    test_replies_cut_anywhere,
    test_requests_cut_anywhere,
)

__all__ = [
    'test_http_replies',
    'test_http_requests',
    'test_redis_replies',
    'test_redis_requests',
    'test_replies_cut_anywhere',
    'test_replies_end_where_h11_says',
    'test_requests_cut_anywhere',
    'test_requests_end_where_h11_says',
]
