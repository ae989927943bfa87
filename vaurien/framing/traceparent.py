"""The trace context that a request carries: to which span of its application it belongs.

Its form is https://www.w3.org/TR/trace-context/#traceparent-header. In SQL it stands in a comment, as sqlcommenter
writes it: https://google.github.io/sqlcommenter/spec/.
"""

from __future__ import annotations

import re

#: So many bytes of a request are looked at, of its beginning: a comment is usually at the end of a statement.
MOST = 64 * 1024

_FORM = rb'[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}'
_FIELD = re.compile(rb'\n(?i:traceparent):[ \t]*(' + _FORM + rb')[ \t]*\r?\n')
_COMMENT = re.compile(rb"/\*[^*]*\btraceparent='(" + _FORM + rb")'")


def find_in_head(request: bytes) -> str:
    """Return the trace context in the head of a request of HTTP; nothing if there is none."""
    return _find(_FIELD, request.partition(b'\r\n\r\n')[0] + b'\r\n')


def find_in_comment(request: bytes) -> str:
    """Return the trace context in a request that has SQL; likewise."""
    return _find(_COMMENT, request)


def _find(pattern: re.Pattern[bytes], data: bytes) -> str:
    found = pattern.search(data[:MOST])
    return found[1].decode() if found else ''
