"""The settings of a test, and their bounds. `test_flags` reads them from command lines."""

from __future__ import annotations

from typing import Any, get_type_hints

import msgspec
import pytest

from vaurien.tcpgoon.settings import ServerSettings, Settings


@pytest.mark.parametrize(
    ('settings', 'gap'), [({}, 0.01), ({'sleep': 0}, 0.0), ({'sleep': 999}, 0.999), ({'sleep': 9, 'rate': 50.0}, 0.02)]
)
def test_seconds_between_two_dials(settings: dict[str, Any], gap: float) -> None:
    assert Settings(**settings).gap == gap


@pytest.mark.parametrize('kind', [Settings, ServerSettings])
def test_defaults_are_within_their_bounds(kind: type[msgspec.Struct]) -> None:
    defaults = kind()
    for name, type_ in get_type_hints(kind, include_extras=True).items():
        assert msgspec.convert(getattr(defaults, name), type_) == getattr(defaults, name)


@pytest.mark.parametrize(
    ('name', 'least', 'most'),
    [('connections', 1, 2 * 10**9), ('dial_timeout', 1, 10**9), ('interval', 0, 10**9), ('hold', 0, 10**9)],
)
def test_bounds(name: str, least: int, most: int) -> None:
    type_ = get_type_hints(Settings, include_extras=True)[name]
    for value in (least, most):
        assert msgspec.convert(value, type_) == value
    for value in (least - 1, most + 1):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(value, type_)
