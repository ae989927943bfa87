"""The settings of exploring, from files, flags and markers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vaurien.errors import ConfigError
from vaurien.explore.model import Injection, Outcome
from vaurien.explore.settings import USUAL_STATUSES, ExploreSettings, read_settings
from vaurien.framing.trials import Kind


class Unavailable(Exception):
    """An exception of an application."""


def test_settings_come_from_pyproject(tmp_path: Path) -> None:
    (tmp_path / 'pyproject.toml').write_text('[tool.vaurien.explore]\nmax = 100\nseconds = "2m"\nallow-remote = true\n')
    assert read_settings(tmp_path) == ExploreSettings(max=100, seconds=120.0, allow_remote=True)


def test_settings_come_from_a_file_of_their_own_first(tmp_path: Path) -> None:
    (tmp_path / 'pyproject.toml').write_text('[tool.vaurien.explore]\nmax = 100\n')
    (tmp_path / 'vaurien-explore.toml').write_text('depth = 2\n')
    assert read_settings(tmp_path) == ExploreSettings(depth=2)


@pytest.mark.parametrize('text', [None, '', '[tool.other]\na = 1\n', 'tool = 7\n', '[tool.vaurien]\n'])
def test_without_settings_there_are_the_usual_ones(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / 'pyproject.toml').write_text(text)
    assert read_settings(tmp_path) == ExploreSettings()


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('depht = 2', "tool.vaurien.explore.depht: no such setting, did you mean 'depth'?"),
        ('depth = 3', 'tool.vaurien.explore.depth: expected int <= 2'),
        ('max = "many"', "tool.vaurien.explore.max: expected int, got 'many'"),
        ('faults = ["lots"]', "tool.vaurien.explore.faults: 'lots' is unknown, did you mean 'lost'?"),
        ('fail = ["wrong", 7]', 'tool.vaurien.explore.fail: 7 is unknown, known: '),
        ('allow = [99]', 'tool.vaurien.explore.allow: expected int >= 100'),
        ('fail = ["absorbed"]', "tool.vaurien.explore.fail: 'absorbed' is unknown, known: hung, leak"),
        ('skip = ["http GET"]', "tool.vaurien.explore.skip: 'http GET': expected a proxy, or a proxy and a request"),
        ('skip = [7]', 'tool.vaurien.explore.skip: expected str'),
        ('skip = ["api: /(/"]', 'tool.vaurien.explore.skip: '),
        ('seconds = 0', 'tool.vaurien.explore.seconds: expected float > 0'),
        ('max = ', ':2: '),
    ],
)
def test_a_mistake_is_one_line_with_the_file_and_the_key(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / 'pyproject.toml').write_text(f'[tool.vaurien.explore]\n{text}\n')
    with pytest.raises(ConfigError) as caught:
        read_settings(tmp_path)
    assert str(caught.value).startswith(f'{tmp_path}/pyproject.toml')
    assert message in str(caught.value)
    assert '\n' not in str(caught.value)


def test_a_section_that_is_no_section_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'pyproject.toml').write_text('[tool.vaurien]\nexplore = 7\n')
    with pytest.raises(ConfigError, match='explore: expected keys and values, got 7'):
        read_settings(tmp_path)


@pytest.mark.parametrize(
    ('given', 'settings'),
    [
        ({'fail': 'wrong, twice'}, ExploreSettings(fail=(Outcome.WRONG, Outcome.TWICE))),
        ({'faults': ['lost']}, ExploreSettings(faults=(Kind.LOST,))),
        ({'faults': Kind.LOST}, ExploreSettings(faults=(Kind.LOST,))),
        ({'allow': '503,Unavailable'}, ExploreSettings(allow=(503, 'Unavailable'))),
        ({'allow': (Unavailable, 409)}, ExploreSettings(allow=(f'{__name__}.Unavailable', 409))),
        ({'allow': Unavailable}, ExploreSettings(allow=(f'{__name__}.Unavailable',))),
        ({'skip': 'redis'}, ExploreSettings(skip=('redis',))),
        ({'limit': '500ms'}, ExploreSettings(limit=0.5)),
    ],
)
def test_flags_and_markers_change_settings(given: dict[str, Any], settings: ExploreSettings) -> None:
    assert ExploreSettings().change(given) == settings
    assert ExploreSettings(depth=2).change(given).depth == 2


def test_statuses_replace_the_usual_ones_and_exceptions_do_not() -> None:
    assert ExploreSettings().change({'allow': [409]}).statuses == {409}
    named = ExploreSettings().change({'allow': ['Unavailable']})
    assert named.statuses == USUAL_STATUSES
    assert named.exceptions == ('Unavailable',)


@pytest.mark.parametrize(
    ('skip', 'is_left_out'),
    [
        ('http', True),
        ('http: GET /health*', True),
        ('http:/health/', True),
        ('http: POST *', False),
        ('redis', False),
        ('redis: GET *', False),
    ],
)
def test_a_request_is_left_out_by_its_proxy_or_its_text(skip: str, is_left_out: bool) -> None:
    injection = Injection.parse('http: GET /health/* #1 lost')
    assert ExploreSettings(skip=(skip,)).leave_out(injection) is is_left_out


def test_only_the_faults_that_are_wanted_are_tried() -> None:
    assert not ExploreSettings(faults=(Kind.LOST,)).leave_out(Injection.parse('http: GET a #1 lost'))
    assert ExploreSettings(faults=(Kind.HALF,)).leave_out(Injection.parse('http: GET a #1 lost'))
