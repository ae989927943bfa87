"""The values of settings: what each of them takes, and what it makes of it. ``test_config.py`` has whole settings."""

from __future__ import annotations

from typing import Any

import pytest

from vaurien.address import Address
from vaurien.errors import OptionError
from vaurien.loads.plan import Cycle
from vaurien.loads.settings import SETTINGS, Counts, Settings, read_value


@pytest.mark.parametrize(('value', 'numbers'), [('10', (10,)), (10, (10,)), ('10:20:30', (10, 20, 30))])
def test_counts(value: Any, numbers: tuple[int, ...]) -> None:
    assert read_value('users', value, text=isinstance(value, str)).numbers == numbers


@pytest.mark.parametrize('value', ['', '0', '3:', ':', '1:x', '-1', 'many', 1.5, [1]])
def test_no_counts(value: Any) -> None:
    with pytest.raises(OptionError, match='expected whole numbers from 1, such as 10 or 10:20:30, got'):
        read_value('users', value, text=False)


@pytest.mark.parametrize(
    ('value', 'words'),
    [('a', ['a']), ('a, b', ['a', 'b']), ('a\n  b,c\n', ['a', 'b', 'c']), (['a,b'], ['a,b']), ('', [])],
)
def test_lists(value: Any, words: list[str]) -> None:
    assert read_value('output', value, text=True) == words


def test_addresses_and_words() -> None:
    assert read_value('broker', 'localhost:5557', text=True).address == Address('localhost', 5557)
    assert read_value('vaurien', 'a=b c=d', text=True).words == ('a=b', 'c=d')
    with pytest.raises(OptionError, match='is not an address'):
        read_value('broker', 'localhost', text=True)
    with pytest.raises(OptionError, match='expected name=value'):
        read_value('vaurien', 'b', text=True)


@pytest.mark.parametrize(
    ('name', 'wrong'),
    [('agents', '0'), ('duration', '0'), ('heartbeat_timeout', '1.9'), ('web_port', '65536'), ('quiet', 'perhaps')],
)
def test_limits(name: str, wrong: str) -> None:
    with pytest.raises(OptionError, match='expected'):
        read_value(name, wrong, text=True)


def test_a_text_is_no_number_in_a_file_with_types() -> None:
    assert read_value('agents', '2', text=True) == 2
    with pytest.raises(OptionError, match="expected int, got '2'"):
        read_value('agents', '2', text=False)


def settings(**values: Any) -> Settings:
    return Settings('t', {name: setting.default for name, setting in SETTINGS.items()} | values, {})


def test_cycles() -> None:
    assert settings().cycles() == (Cycle(1, 1),)
    assert settings(duration=2.0).cycles() == (Cycle(1, None, 2.0),)
    several = settings(users=Counts.parse('1:2'), hits=Counts.parse('3:4'))
    assert several.cycles() == (Cycle(1, 3), Cycle(1, 4), Cycle(2, 3), Cycle(2, 4))


def test_attributes() -> None:
    assert settings(quiet=True).quiet is True
    with pytest.raises(AttributeError):
        settings().quite  # noqa: B018  # it raises


def test_every_setting_says_what_it_is() -> None:
    assert all(setting.help and not setting.help.endswith('.') for setting in SETTINGS.values())
    assert all(setting.placeholder or setting.type is bool for setting in SETTINGS.values())
