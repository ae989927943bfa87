"""The defaults, and the text that arms behaviors."""

from __future__ import annotations

from typing import Any

import pytest

from tests.arming import UNAIMED
from vaurien.address import Address
from vaurien.arming import Entry, format_behaviors, parse_behaviors
from vaurien.behaviors import Behavior
from vaurien.errors import ConfigError, OptionError, PluginError
from vaurien.settings import Settings

DELAY = Behavior.get('delay').resolve({})
ERROR = Behavior.get('error').resolve({})


def test_defaults() -> None:
    settings = Settings()
    assert settings.proxy == Address('localhost', 8000)
    assert settings.backend == Address('localhost', 8888)
    assert (settings.protocol, settings.behaviors) == ('tcp', ())
    assert (settings.http, settings.http_host, settings.http_port) == (False, 'localhost', 8080)
    assert (settings.timeout, settings.idle_timeout) == (30.0, None)


@pytest.mark.parametrize(
    ('spec', 'entries'),
    [
        ('error', [Entry('error', 100.0, ERROR)]),
        ('100:error', [Entry('error', 100.0, ERROR)]),
        ('5:error,10:delay', [Entry('error', 5.0, ERROR), Entry('delay', 10.0, DELAY)]),
        (' 0.5 : error , 10:delay ', [Entry('error', 0.5, ERROR), Entry('delay', 10.0, DELAY)]),
        ('0:error', [Entry('error', 0.0, ERROR)]),
        ('dummy', [Entry('dummy', 100.0, UNAIMED)]),
        ('50:dummy,50:delay', [Entry('dummy', 50.0, UNAIMED), Entry('delay', 50.0, DELAY)]),
    ],
)
def test_specs(spec: str, entries: list[Entry]) -> None:
    assert parse_behaviors(spec, {}) == tuple(entries)


def test_configured_options_go_before_declared_defaults() -> None:
    delay, error = parse_behaviors('10:delay,5:error', {'delay': {'sleep': 7.0}, 'hang': {}})
    assert delay.options == {**DELAY, 'sleep': 7.0}
    assert error.options == ERROR


def test_thirds_may_add_up_to_a_hair_over_a_hundred() -> None:
    entries = parse_behaviors('33.3333334:error,33.3333333:delay,33.3333334:hang', {})
    assert sum(entry.percent for entry in entries) > 100


@pytest.mark.parametrize(
    ('spec', 'kind', 'said'),
    [
        ('', ConfigError, 'names no behavior'),
        ('20:', ConfigError, 'names no behavior'),
        ('20:error,', ConfigError, 'names no behavior'),
        ('error:20', ConfigError, "'error' in 'error:20' is no percent"),
        ('20%:error', ConfigError, 'is no percent: expected percent:name, such as 20:error'),
        ('101:error', ConfigError, 'expected 0 to 100'),
        ('-1:error', ConfigError, 'expected 0 to 100'),
        ('nan:error', ConfigError, 'expected 0 to 100'),
        ('inf:error', ConfigError, 'expected 0 to 100'),
        ('60:error,50:delay', ConfigError, 'adds up to 110 percent, more than 100'),
        ('60:error,40.01:delay', ConfigError, 'adds up to 100.01 percent'),
        ('20:dely', PluginError, "unknown behavior 'dely', did you mean 'delay'?"),
    ],
)
def test_wrong_specs(spec: str, kind: type[ConfigError], said: str) -> None:
    with pytest.raises(kind) as caught:
        parse_behaviors(spec, {})
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        ({'slep': 1}, "delay.slep: delay has no such option, did you mean 'sleep'?"),
        ({'sleep': 'soon'}, 'delay.sleep: expected float'),
    ],
)
def test_wrong_options(options: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse_behaviors('delay', {'delay': options})
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize('spec', ['dummy', 'delay', '20:error,10:delay', '0.5:error', '0:error', '0.001:delay'])
def test_what_is_written_is_read_back(spec: str) -> None:
    assert format_behaviors(parse_behaviors(spec, {})) == spec


def test_the_shortest_is_written() -> None:
    assert format_behaviors(()) == 'dummy'
    assert format_behaviors(parse_behaviors('100.0:delay', {})) == 'delay'
    assert format_behaviors(parse_behaviors('20.0:delay,5.50:error', {})) == '20:delay,5.5:error'
