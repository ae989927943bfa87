"""What is armed for a fault."""

from __future__ import annotations

import pytest

from vaurien.errors import ConfigError
from vaurien.explore.model import CONNECTION, ExploredProxy, Injection
from vaurien.explore.trying import find_behavior, list_trials
from vaurien.protocols import Protocol
from vaurien.rules.behaviors import make_rules

TCP = ExploredProxy(name='api', protocol='tcp')
TLS = ExploredProxy(name='api', protocol='tcp', is_tls=True)
HTTP = ExploredProxy(name='api', protocol='http')


@pytest.mark.parametrize(
    ('fault', 'behavior'),
    [
        ('api: GET a #1 refused', 'blackout'),
        ('api: GET a #1 late(1.2s)', 'delay(before=false,sleep=1.2)'),
        ('api: GET a #1 late', 'delay(before=false,sleep=1)'),
        ('api: GET a #1 half(57 bytes)', 'abort(after=57 bytes)'),
        ('api: GET a #1 half', 'abort(after=1 bytes)'),
        (f'api: {CONNECTION} #1+ refused', 'refuse'),
    ],
)
def test_a_fault_has_a_behavior(fault: str, behavior: str) -> None:
    assert find_behavior(Injection.parse(fault), TCP) == behavior


def test_the_detail_says_which_of_several() -> None:
    assert find_behavior(Injection.parse('api: GET a #1 no(503)'), HTTP) == 'error(code=503)'
    assert find_behavior(Injection.parse(f'api: {CONNECTION} #1+ no(expired certificate)'), TLS) == (
        'certificate(problem=expired)'
    )


@pytest.mark.parametrize('fault', ['api: GET a #1 no(503)', f'api: {CONNECTION} #1+ no(expired certificate)'])
def test_what_the_protocol_does_not_have_is_refused_in_one_line(fault: str) -> None:
    with pytest.raises(ConfigError, match='api, which speaks tcp, has nothing for'):
        find_behavior(Injection.parse(fault), TCP)


@pytest.mark.parametrize('name', Protocol.names())
def test_what_is_tried_on_connections_can_be_armed(name: str) -> None:
    proxy = ExploredProxy(name='some', protocol=name, is_tls=True)
    for trial in list_trials(proxy, CONNECTION):
        injection = Injection(proxy='some', request=CONNECTION, nth=1, kind=trial.kind, detail=trial.detail)
        assert make_rules(find_behavior(injection, proxy))


def test_tls_is_tried_only_where_it_is_spoken() -> None:
    assert set(list_trials(TCP, CONNECTION)) < set(list_trials(TLS, CONNECTION))
