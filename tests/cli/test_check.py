"""``vaurien check``: what it says of files that are right, and of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import call
from vaurien.cli import check, run
from vaurien.cli.flags import parse
from vaurien.console.command import run_command

CONFIG = """\
[vaurien]
backend = "redis://:secret@localhost/0"
http = true
api-token = "secret"
seed = 7
toxics = "latency(latency=20)@downstream"

[[vaurien.behaviors]]
name = "error"
percent = 20
match = "SET *"

[schedule]
steps = [{behavior = "delay", at = 1, for = "2s"}]
"""
SAID = """\
{path} is right:
  proxy vaurien listens on localhost:8000, and passes redis on to localhost:6379
    20% of exchanges: error(match=SET *). Answers in the backend's place: with an error of the protocol, or random \
bytes where it has none
    all exchanges pass that none of these matches
    all links, downstream: latency(latency=20, jitter=0). Delays each chunk, without lowering the rate
    the seed 7 has the same faults happen in every run
  the control API is on localhost:8080, for those who have the token
  a schedule runs from the start on:
    1.000  vaurien: behavior delay
    3.000  vaurien: behavior as before
"""


def test_in_plain_words(tmp_path: Path) -> None:
    path = tmp_path / 'vaurien.toml'
    path.write_text(CONFIG)
    result = call(check.main, str(path))
    assert (result.returncode, result.stderr) == (0, '')
    assert result.stdout == SAID.format(path=path)


def test_a_schedule_and_nothing_armed(tmp_path: Path) -> None:
    schedule, config = tmp_path / 'failover.yaml', tmp_path / 'vaurien.ini'
    schedule.write_text('- {enabled: false, at: 1}\n')
    config.write_text('[vaurien]\nserver = yes\nstay-connected = yes\n')
    first, second = call(check.main, str(schedule), str(config)).stdout.split('\n\n')
    assert first.splitlines()[1:] == [
        '  a schedule runs from the start on:',
        '    1.000  vaurien: enabled false',
    ]
    assert second.splitlines()[1:] == [
        '  there is no proxy until one is created over the control API',
        '  the control API is on localhost:8474, without a token',
        f'  ignored, without meaning since version 2: {config}:3: vaurien.stay-connected',
    ]


def test_what_has_no_effect_with_some_protocols(tmp_path: Path) -> None:
    path = tmp_path / 'v.ini'
    sections = ''.join(f'[proxy:{name}]\nprotocol = {name}\n' for name in ('http', 'redis'))
    path.write_text(f'[vaurien]\nmark-faults = yes\naddressed = yes\n{sections}')
    lines = call(check.main, str(path)).stdout.splitlines()
    said = [line.strip() for line in lines if 'mark-faults' in line or 'addressed' in line]
    assert said == [
        'addressed: requests may ask for faults',
        'mark-faults: replies name their fault',
        'addressed: requests of redis cannot ask for faults',
        'mark-faults: replies of redis cannot name their fault',
    ]


def test_what_shares_are_of(tmp_path: Path) -> None:
    """Rules of connections and of exchanges do not share a draw, so their percents are not added up."""
    path = tmp_path / 'v.ini'
    path.write_text('[vaurien]\nbehavior = 100:slow_accept,33.3:delay,66.6:abort,0.1:hang\n')
    lines = call(check.main, str(path)).stdout.splitlines()
    assert [line.split(':')[0].strip() for line in lines[2:6]] == [
        '100% of connections',
        '33.3% of exchanges',
        '66.6% of exchanges',
        '0.1% of exchanges',
    ]
    assert lines[6:] == ['  there is no control API']


def test_a_schedule_draws_as_it_will(tmp_path: Path) -> None:
    path = tmp_path / 'v.toml'
    path.write_text('[vaurien]\nseed = 7\n[schedule]\nsteps = [{enabled = false, at = 1, jitter = 9}]\n')
    drawn = call(lambda words: run.run(parse(words)), '--config', str(path), '--dry-run').stdout
    assert drawn.strip() in call(check.main, str(path)).stdout
    path.write_text(path.read_text().replace('7', '8'))
    assert drawn.strip() not in call(check.main, str(path)).stdout


def test_every_file_that_is_wrong(tmp_path: Path) -> None:
    wrong, late, right = (tmp_path / name for name in ('wrong.toml', 'late.ini', 'right.ini'))
    wrong.write_text('[vaurien]\nseed = 1\nbehavior = "dely"\n')
    late.write_text('[vaurien]\nbackend-tls = yes\nbackend-tls-ca = /nowhere\n')
    right.write_text('[vaurien]\nbehavior = delay\n')
    result = call(check.main, '--quiet', *map(str, (wrong, late, right)))
    assert (result.returncode, result.stdout) == (2, '')
    assert result.stderr.splitlines() == [
        f"vaurien check: error: {wrong}:3: vaurien.behavior: unknown behavior 'dely', did you mean 'delay'?",
        f'vaurien check: error: {late}:3: vaurien.backend-tls-ca: cannot read /nowhere: No such file or directory',
    ]
    assert call(check.main, '--quiet', str(right)).returncode == 0


@pytest.mark.parametrize(
    ('name', 'text', 'said'),
    [
        ('v.toml', '[[schedule.steps]]\nat = 1\nbehavior = "certificate"\n', '3: schedule.steps[0].behavior.'),
        ('s.toml', '[[steps]]\nat = 1\nbehavior = "certificate"\n', '3: steps[0].behavior.'),
        ('s.yaml', 'steps:\n- {enabled: false}\n- {at: 1,\n   behavior: certificate}\n', '4: steps[1].behavior.'),
    ],
)
def test_what_the_proxies_cannot_have(tmp_path: Path, name: str, text: str, said: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    result = call(check.main, str(path))
    assert result.returncode == 2
    assert result.stderr.startswith(f'vaurien check: error: {path}:{said}certificate.problem: it needs tls')


@pytest.mark.parametrize(
    ('keys', 'said'),
    [
        ('workers = 2\njournal = x.jsonl', '3: vaurien.journal: it needs all exchanges in one process'),
        ('workers = 2\nreplay = x.jsonl', '3: vaurien.replay: it needs all exchanges in one process'),
        ('workers = 2\naddressed = yes', '3: vaurien.addressed: requests cannot ask several workers'),
        ('seed = 1\notel-all = yes', '3: vaurien.otel-all: it is of no use without --otel URL'),
        ('seed = 1\notel = localhost:4318', '3: vaurien.otel: expected a URL'),
    ],
)
def test_what_a_start_would_refuse(tmp_path: Path, keys: str, said: str) -> None:
    path = tmp_path / 'v.ini'
    path.write_text(f'[vaurien]\n{keys}\n')
    result = call(check.main, str(path))
    assert (result.returncode, result.stdout) == (2, '')
    assert result.stderr.startswith(f'vaurien check: error: {path}:{said}')
    started = call(lambda words: run_command('vaurien', lambda: run.run(parse(words))), '--config', str(path))
    assert (started.returncode, started.stdout) == (2, '')
    assert started.stderr.removeprefix('vaurien: ') == result.stderr.removeprefix('vaurien check: ')


def test_a_journal_that_cannot_be_replayed(tmp_path: Path) -> None:
    path, journal = tmp_path / 'v.ini', tmp_path / 'run.jsonl'
    path.write_text(f'[vaurien]\njournal = {journal}\nreplay = {journal}\n')
    assert f'{journal}: cannot read it: No such file' in call(check.main, str(path)).stderr
    journal.write_text('{"journal": 1, "run": "a", "part": 1}\n')
    said = f'{path}:2: vaurien.journal: it would take the place of {journal}, which is replayed: give another file\n'
    assert call(check.main, str(path)).stderr.endswith(said)
    assert [one.name for one in tmp_path.iterdir() if one != path] == ['run.jsonl']


NOPE = '[[schedule.steps]]\nproxy = "nope"\nbehavior = "20:delay"\n'


def test_a_schedule_for_a_proxy_that_will_never_be_there(tmp_path: Path) -> None:
    path = tmp_path / 'v.toml'
    path.write_text(f'[vaurien]\nbackend = "localhost:1"\n{NOPE}')
    result = call(check.main, str(path))
    said = f"{path}:4: schedule.steps[0].proxy: there is no proxy 'nope', known: vaurien"
    assert (result.returncode, result.stderr) == (2, f'vaurien check: error: {said}\n')
    path.write_text(f'[proxy.cache]\nbackend = "localhost:1"\n{NOPE}')
    assert "no proxy 'nope', known: cache" in call(check.main, str(path)).stderr
    for text in ('[vaurien]\nbackend = "localhost:1"\nhttp = true\n', ''):  # it may come; or which there are is open
        path.write_text(f'{text}{NOPE}')
        assert call(check.main, '--quiet', str(path)).returncode == 0


@pytest.mark.parametrize(
    ('words', 'said'),
    [((), 'there is nothing to check: vaurien check'), (('--quite', 'a.ini'), 'unknown flag --quite, did you mean')],
)
def test_mistakes_in_flags(words: tuple[str, ...], said: str) -> None:
    result = call(check.main, *words)
    assert (result.returncode, result.stderr.startswith(f'vaurien check: error: {said}')) == (2, True)
