"""An acceptance test: does this instance hold as many connections as it should?

It needs a Redis on localhost:6379, or at the address in the environment variable REDIS.

    pip install vaurien pytest
    pytest test_connections.py
"""

import json
import os
import subprocess
import sys

import vaurien

REDIS = os.environ.get('REDIS', 'localhost:6379')
CONNECTIONS = 200


def tcpgoon(address, *flags):
    """Return the result of tcpgoon, which sends one PING on every connection."""
    host, _, port = address.rpartition(':')
    load = ['-y', '-c', str(CONNECTIONS), '-s', '0', '--send', r'PING\r\n', '--expect', '+PONG', '--json']
    command = [sys.executable, '-m', 'vaurien.tcpgoon', *load, *flags, host, port]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout)


def test_it_holds_them():
    found = tcpgoon(REDIS, '--hold', '1')
    assert found['exit_status'] == 0, found['errors']
    assert found['established']['at_end'] == CONNECTIONS


def test_what_a_network_loses_is_noticed():
    with vaurien.Proxy(REDIS, behavior='10:blackout', seed=1) as proxy:
        found = tcpgoon(str(proxy.address))
        assert found['exit_status'] == 1
        assert found['counts']['error'] == proxy.status()['faults']['blackout']
