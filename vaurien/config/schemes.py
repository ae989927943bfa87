"""What the schemes of URLs stand for: a protocol, its usual port, and TLS from the first byte."""

from __future__ import annotations

import re

from vaurien.framing.late_pattern import LatePattern

#: The protocol of a URL by its scheme, without the driver behind ``+``, and the port if it has none.
SCHEMES = {
    **dict.fromkeys(('redis', 'rediss', 'valkey', 'valkeys'), ('redis', 6379)),
    **dict.fromkeys(('postgres', 'postgresql', 'postgis', 'pgsql'), ('postgres', 5432)),
    **dict.fromkeys(('mysql', 'mysql2', 'mysqlx', 'mariadb'), ('mysql', 3306)),
    **dict.fromkeys(('memcache', 'memcached'), ('memcache', 11211)),
    **dict.fromkeys(('http', 'ws'), ('http', 80)),
    **dict.fromkeys(('https', 'wss'), ('http', 443)),
    'smtp': ('smtp', 25),
    'smtps': ('smtp', 465),
    'submission': ('smtp', 587),
}
#: The port of a protocol where a text is no URL.
PORTS = {'redis': 6379, 'postgres': 5432, 'mysql': 3306, 'memcache': 11211, 'http': 80, 'smtp': 25}
#: The protocol of what none is known for, and the scheme of its URL.
OPAQUE = 'tcp'
#: The schemes with which TLS begins with the first byte.
IMPLICIT = frozenset({'rediss', 'valkeys', 'https', 'wss', 'smtps'})

#: A URL, with ``jdbc:`` before it, or a driver behind its scheme.
URL = LatePattern(r'(?:jdbc:)?(?P<scheme>[a-z][a-z\d.-]*)(?:\+(?P<driver>[\w+.-]+))?://(?P<authority>[^/?#]*)', re.I)
