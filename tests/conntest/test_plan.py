"""What a group can be created from."""

from __future__ import annotations

from typing import Any

import pytest

from vaurien.conntest.plan import Plan
from vaurien.errors import ConfigError

#: All that the configuration options of the original name.
EVERYTHING = {
    'concurrency': 5,
    'description': 'example test group',
    'run_count': 1000,
    'client_delay_ns': 100,
    'server_delay_ns': 0,
    'upstream_endpoint': 'https://internal.example.net',
    'upstream_timeout_ns': 1_000_000,
}


def test_every_setting() -> None:
    plan = Plan.read({**EVERYTHING, 'data': 'hello'})
    assert {name: getattr(plan, name) for name in EVERYTHING} == EVERYTHING


def test_what_is_null_or_missing_is_the_default() -> None:
    assert Plan.read(dict.fromkeys(EVERYTHING)) == Plan.read({}) == Plan()


def test_a_group_can_be_given_back() -> None:
    group = {**EVERYTHING, 'run_group_id': 'x', 'test_runs': [{}], 'created_at': '', 'remote_addr': 'http://x'}
    assert Plan.read(group) == Plan.read(EVERYTHING)


def test_numbers_of_a_command_line() -> None:
    assert Plan.read({'run_count': '7'}, text=True) == Plan(run_count=7)


@pytest.mark.parametrize(
    ('name', 'value', 'said'),
    [
        ('run_count', -1, 'expected int >= 0, got -1'),
        ('run_count', '7', "expected int, got '7'"),
        ('run_count', 7.5, 'expected int, got 7.5'),
        ('run_count', True, 'expected int, got True'),
        ('run_count', 2**64, 'expected int'),
        ('run_cout', 7, "there is no such field, did you mean 'run_count'?"),
        ('concurrency', -5, 'expected int >= 0, got -5'),
        ('description', 7, 'expected str, got 7'),
        ('client_delay_ns', -1, 'expected int >= 0, got -1'),
        ('client_delay_ns', 10**15, 'expected int <= 86400000000000'),
        ('server_delay_ns', 10**13, 'expected int <= 3600000000000'),
        ('upstream_timeout_ns', 'soon', "expected a duration such as 200ms or 2s, got 'soon'"),
        ('upstream_endpoint', 'example.net', "'example.net' is not a URL: expected http://host:port"),
        ('upstream_endpoint', 'file:///etc/passwd', "'file:///etc/passwd' is not a URL: expected http://host:port"),
        ('upstream_endpoint', 'http://localhost:99999', "'http://localhost:99999' is not a URL: port out of range"),
        ('upstream_endpoint', 'http://localhost:0', "'http://localhost:0' has the port 0, which nobody can connect to"),
        ('upstream_endpoint', 'http://a..b', "'http://a..b' is not a URL"),
        ('upstream_endpoint', 'http://a b', "'http://a b' is not a URL"),
        ('upstream_endpoint', 'http://[::1', "'http://[::1' is not a URL: invalid IPv6 URL"),
    ],
)
def test_mistakes_have_a_place(name: str, value: Any, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Plan.read({name: value})
    assert caught.value.path == name
    assert caught.value.description.startswith(said)
