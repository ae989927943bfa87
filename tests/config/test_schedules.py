"""Schedules from files: in one of their own, or in a section of the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from vaurien.config.build import build
from vaurien.config.schedules import load_schedule
from vaurien.config.source import make_source, read
from vaurien.errors import ConfigError
from vaurien.schedule.reading import read_schedule
from vaurien.schedule.schedule import Schedule

STEP = {'at': '90s', 'for': 5, 'proxy': 'db', 'behavior': '20:error'}
SCHEDULE = read_schedule({'seed': 3, 'steps': [STEP]})
TOML = """\
seed = 3

[[steps]]
at = "90s"
for = 5
proxy = "db"
behavior = "20:error"
"""
YAML = """\
seed: 3
steps:
  - {at: 90s, for: 5, proxy: db, behavior: 20:error}
"""


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def schedule_of(path: Path, text: str) -> Schedule | None:
    """Return the schedule in a configuration file."""
    return build(read(write(path, text))).schedule


def test_a_file_of_its_own(tmp_path: Path) -> None:
    assert load_schedule(write(tmp_path / 'x.toml', TOML)) == SCHEDULE
    assert load_schedule(write(tmp_path / 'x.yaml', YAML)) == SCHEDULE
    assert load_schedule(write(tmp_path / 'list.yml', YAML.partition('steps:\n')[2])).steps == SCHEDULE.steps


def test_a_section(tmp_path: Path) -> None:
    assert (
        schedule_of(tmp_path / 'v.toml', f'[schedule]\n{TOML.replace("[[steps]]", "[[schedule.steps]]")}') == SCHEDULE
    )
    indented = YAML.replace('\n', '\n  ')
    assert schedule_of(tmp_path / 'v.yaml', f'schedule:\n  {indented}') == SCHEDULE
    assert schedule_of(tmp_path / 'none.toml', '[vaurien]\n') is None


@pytest.mark.parametrize('suffix', ['ini', 'toml', 'yaml'])
def test_a_section_that_names_a_file(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / 'x.toml', TOML)
    text = f'schedule: {{file: {path}}}' if suffix == 'yaml' else f'[schedule]\nfile = "{path}"\n'
    if suffix == 'ini':
        text = text.replace('"', '')
    assert schedule_of(tmp_path / f'v.{suffix}', text) == SCHEDULE


def test_the_flag_comes_first(tmp_path: Path) -> None:
    config = read(write(tmp_path / 'v.yaml', 'schedule: {steps: [{behavior: hang}]}'))
    flags = make_source(
        {'schedule': {'file': write(tmp_path / 'x.toml', TOML)}}, lambda dotted: '--schedule', text=True
    )
    assert build(config, flags).schedule == SCHEDULE
    assert build(config).schedule == read_schedule([{'behavior': 'hang'}])


@pytest.mark.parametrize(
    ('name', 'text', 'wanted'),
    [
        ('x.toml', TOML.replace('at =', 'att ='), ":4: steps[0].att: there is no such field, did you mean 'at'?"),
        ('x.yaml', f'{YAML}  - {{behavior: delay,\n    at: soon}}\n', ':5: steps[1].at: expected a duration such as '),
        ('x.yaml', f'{YAML}  - {{behavior: delai}}\n', ":4: steps[1].behavior: unknown behavior 'delai', did you mean"),
        ('x.toml', 'steps = [', ':1: Invalid value'),
        ('x.yaml', '', ': expected a schedule, got None'),
        ('x.ini', '[steps]\n', ': a schedule has lists: expected a file named .toml, or .yaml (or .yml)'),
        ('x', TOML, ': expected a file named .ini'),
    ],
)
def test_mistakes_in_a_file_have_their_place(tmp_path: Path, name: str, text: str, wanted: str) -> None:
    path = write(tmp_path / name, text)
    with pytest.raises(ConfigError) as caught:
        load_schedule(path)
    assert str(caught.value).startswith(path)
    assert wanted in str(caught.value)
    assert '\n' not in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'none.toml: cannot read it: No such file'):
        load_schedule(str(tmp_path / 'none.toml'))


@pytest.mark.parametrize(
    ('text', 'wanted'),
    [
        ('schedule: {steps: [{behavior: delay, at: -1}]}', ':1: schedule.steps[0].at: expected float >= 0'),
        ('schedule: {file: x.toml, seed: 1}', ':1: schedule.file: there is more'),
        ('schedule: {file: [x.toml]}', ':1: schedule.file: expected str'),
        ('schedule: 3', ':1: schedule: expected keys and values, got 3'),
        ('schedule: {}', ': schedule.steps: expected 1 to 1000 steps, got 0'),
        ('schedul: {}', ":1: schedul: unknown section, did you mean 'schedule'?"),
    ],
)
def test_mistakes_in_a_section_have_their_place(tmp_path: Path, text: str, wanted: str) -> None:
    path = tmp_path / 'v.yaml'
    with pytest.raises(ConfigError) as caught:
        schedule_of(path, text)
    assert str(caught.value).startswith(str(path))
    assert wanted in str(caught.value)
