"""Where a request says to which trace it belongs."""

from __future__ import annotations

import pytest

from vaurien.framing.traceparent import MOST, find_in_comment, find_in_head

CONTEXT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'


@pytest.mark.parametrize(
    ('head', 'found'),
    [
        (f'GET / HTTP/1.1\r\nTraceParent:{CONTEXT}\r\n\r\n', CONTEXT),
        (f'GET / HTTP/1.1\r\nHost: a\r\ntraceparent: {CONTEXT} \r\nAccept: */*\r\n\r\n', CONTEXT),
        (f'GET / HTTP/1.1\r\ntraceparent: {CONTEXT}-more\r\n\r\n', ''),
        (f'GET / HTTP/1.1\r\nx-traceparent: {CONTEXT}\r\n\r\n', ''),
        (f'POST / HTTP/1.1\r\nHost: a\r\n\r\n\r\ntraceparent: {CONTEXT}\r\n', ''),
        ('', ''),
    ],
)
def test_heads(head: str, found: str) -> None:
    assert find_in_head(head.encode()) == found


@pytest.mark.parametrize(
    ('statement', 'found'),
    [
        (f"SELECT 1 /*traceparent='{CONTEXT}'*/", CONTEXT),
        (f"SELECT 1 /*action='%2Forders',traceparent='{CONTEXT}',tracestate='a%3D1'*/;", CONTEXT),
        (f"SELECT 1 -- traceparent='{CONTEXT}'", ''),
        (f"SELECT 1 /*nottraceparent='{CONTEXT}'*/", ''),
        (f"SELECT 1 /*traceparent='{CONTEXT[:-1]}'*/", ''),
        (f"{' ' * MOST}/*traceparent='{CONTEXT}'*/", ''),
    ],
)
def test_comments(statement: str, found: str) -> None:
    assert find_in_comment(b'\x03' + statement.encode() + b'\0') == found
