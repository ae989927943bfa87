"""The options of behaviors, as the control API lists them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pytest

from vaurien.behaviors import Behavior
from vaurien.control.option_list import list_attributes, list_options
from vaurien.plugins.units import BYTES


@pytest.mark.parametrize(
    ('type_', 'name'),
    [
        (bool, 'bool'),
        (Annotated[float, msgspec.Meta(ge=0)], 'float'),
        (Annotated[int, msgspec.Meta(ge=0)] | None, 'int | null'),
        (int | None, 'int | null'),
        (list[int], 'list[int]'),
    ],
)
def test_names_the_type_of_an_option(monkeypatch: pytest.MonkeyPatch, type_: Any, name: str) -> None:
    monkeypatch.setattr(Behavior.get('delay'), 'options', {'sleep': ('Seconds', type_, None)})
    assert list_options()['delay']['sleep']['type'] == name


def test_leaves_out_what_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(Behavior, '_references', {'delay': 'vaurien.behaviors.delay:Delay', 'broken': 'no_such:Thing'})
    options = list_options()
    assert 'delay' in options
    assert 'broken' not in options
    assert 'behavior broken is left out' in caplog.text


def test_says_what_an_option_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    number = Annotated[int, msgspec.Meta(ge=1, le=9), BYTES]
    monkeypatch.setattr(
        Behavior.get('delay'), 'options', {'size': ('Bytes', number | None, 3), 'name': ('Name', str, '')}
    )
    size, name = list_options()['delay']['size'], list_options()['delay']['name']
    assert (size['unit'], name['unit']) == ('B', None)
    assert {'type': 'integer', 'minimum': 1, 'maximum': 9} in size['schema']['anyOf']
    assert name['schema'] == {'type': 'string', 'description': 'Name', 'default': ''}


def test_toxics_have_attributes() -> None:
    latency = list_attributes()['latency']['latency']
    assert (latency['help'], latency['unit'], latency['default']) == ('Delay in milliseconds', 'ms', 0)
