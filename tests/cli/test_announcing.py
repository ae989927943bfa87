"""What the command prints at its start and end."""

from __future__ import annotations

from typing import Any, cast

import pytest

from tests.arming import rule
from vaurien.cli.announcing import announce_proxy, describe_armed, describe_tls, describe_trust, human_bytes, summarize
from vaurien.engine.proxy import ProxyServer
from vaurien.records.status import ProxyStatus
from vaurien.rules.rule import Rule
from vaurien.settings import ProxySettings


@pytest.mark.parametrize(
    ('rules', 'text'),
    [
        ([], 'nothing, all passes'),
        ([rule('dummy')], 'nothing, all passes'),
        ([rule('error', 0.0)], 'nothing, all passes'),
        ([rule('hang')], '100% hang'),
        (
            [
                rule('error', 0.5, inject=False),
                rule('dummy', 5.0),
                rule('delay', 10.0, sleep=2.0),
            ],
            '0.5% error (inject=false, warmup=0), 10% delay (sleep=2.0, before=true)',
        ),
    ],
)
def test_what_is_armed(rules: list[Rule], text: str) -> None:
    assert describe_armed(rules) == text


@pytest.mark.parametrize(
    ('settings', 'text'),
    [
        ({'proxy_tls': 'own.pem'}, 'TLS with clients'),
        ({'backend_tls': True}, 'TLS with the backend'),
        (
            {'tls': 'auto'},
            'TLS with clients and the backend; clients have to trust ca.pem',
        ),
        ({'tls': 'refuse'}, 'no TLS with clients that ask for it'),
        ({'tls': 'refuse', 'backend_tls': True}, 'TLS with the backend, no TLS with clients that ask for it'),
    ],
)
def test_describe_tls(settings: dict[str, Any], text: str) -> None:
    assert describe_tls(ProxySettings(**settings), describe_trust('ca.pem', has_api=True)) == text


def test_how_to_get_what_clients_have_to_trust() -> None:
    assert describe_trust(None, has_api=True) == 'clients have to trust what vaurienctl ca prints'
    assert describe_trust(None, has_api=False) == 'clients have to trust what --tls-ca-file FILE writes'


@pytest.mark.parametrize(
    ('protocol', 'text'),
    [
        ('http', 'mark-faults: replies name their fault'),
        ('redis', 'mark-faults: replies of redis cannot name their fault'),
        ('tcp', 'mark-faults: replies of tcp cannot name their fault'),
    ],
)
def test_whether_faults_are_marked(protocol: str, text: str) -> None:
    lines = announce_proxy(ProxyServer(ProxySettings(protocol=protocol, mark_faults=True)), trust='')
    assert [line for line in lines if 'mark' in line] == [text]


@pytest.mark.parametrize(
    ('count', 'text'),
    [
        (0, '0 B'),
        (999, '999 B'),
        (1000, '1.0 kB'),
        (12_345, '12.3 kB'),
        (999_949, '999.9 kB'),
        (999_999, '1.0 MB'),
        (2_500_000_000, '2.5 GB'),
        (7_000_000_000_000, '7.0 TB'),
        (7_000_000_000_000_000, '7000.0 TB'),
    ],
)
def test_bytes_for_people(count: int, text: str) -> None:
    assert human_bytes(count) == text


@pytest.mark.parametrize(
    ('faults', 'text'), [({}, 'faults: none'), ({'error': 5, 'delay': 3}, 'faults: 3 delay, 5 error')]
)
def test_the_summary(faults: dict[str, int], text: str) -> None:
    status: dict[str, Any] = {
        'links': {'open': 0, 'total': 10},
        'exchanges': 123,
        'bytes': {'upstream': 1234, 'downstream': 5},
        'faults': faults,
    }
    rules = ['delay: matched 123 of 123 exchanges, applied to 3']
    said = summarize(cast(ProxyStatus, status), rules)
    assert said == f'links: 10, exchanges: 123, upstream: 1.2 kB, downstream: 5 B\n{rules[0]}\n{text}'
