"""Regular expressions: what they fit, what is rejected at every way in, and that no expression takes long."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from tests.commands import run
from tests.servers import TIMEOUT
from vaurien.cli.flags import parse
from vaurien.config.build import build
from vaurien.config.source import read
from vaurien.control.body import read_arming
from vaurien.errors import ConfigError
from vaurien.protocols.tcp import TCP
from vaurien.rules.match import MAX_PATTERN, Pattern
from vaurien.rules.regex import compile_regex
from vaurien.rules.rule import Rule

#: Far more than the worst expression takes on a text of 200 characters, and far less than Python's own engine takes.
SECONDS = 1.0


@pytest.mark.parametrize(
    ('regex', 'text', 'fits'),
    [
        ('', '', True),
        ('', 'GET /', True),
        ('^(GET|HEAD) /', 'HEAD /', True),
        ('^(GET|HEAD) /', 'POST /', False),
        ('/$', 'GET /', True),
        ('(?i)drop table', 'DROP TABLE t', True),
        (r'\bt\b', 'DROP TABLE t', True),
        ('^.{4}$', 'Zoë!', True),
        ('ë', 'Zoë', True),
        (r'\pL$', 'Zoë', True),
        (r'\w$', 'Zoë', False),
        (r'\\udcff', 'a plug-in says \udcff', True),
        ('(?P<verb>GET)', 'GET /', True),
    ],
)
def test_it_fits_a_part_of_the_text(regex: str, text: str, fits: bool) -> None:
    assert compile_regex(regex)(text) is fits


@pytest.mark.parametrize(
    ('regex', 'text'),
    [
        ('(a+)+$', 'a' * 199 + 'b'),
        ('(.*)*x$', 'b' * 200),
        (r'^(\w+\s?)*$', 'x' * 199 + '!'),
        ('([ab]?[ab]?){249}c', 'ab' * 100),
        ('[ab]*a[ab]{190}c', 'aab' * 66),
        ('(a|b|ab|ba|aab){100}c', 'ab' * 100),
    ],
)
def test_none_takes_long(regex: str, text: str) -> None:
    fits = compile_regex(regex)
    began = process_time()
    assert not fits(text)
    assert process_time() - began < SECONDS


@pytest.mark.parametrize(
    ('regex', 'said'),
    [
        (r'(a)\1', r'invalid escape sequence: \\1'),
        ('(?=a)', r'invalid perl operator: \(\?='),
        ('(?<!a)b', r'invalid perl operator: \(\?<'),
        ('(', r'missing \): \('),
        ('[', r'missing \]: \['),
        ('a{1001}', 'invalid repetition size'),
        ('((a{100}){100}){100}', 'invalid repetition size'),
        ('[ab]' * 2001, 'pattern too large'),
        (r'\pL' * 100, 'pattern too large'),
        ('\udcff', 'not Unicode'),
    ],
)
def test_what_it_cannot_be(regex: str, said: str) -> None:
    with pytest.raises(ValueError, match=f'^not a regular expression of RE2: {said}') as caught:
        compile_regex(regex)
    assert len(str(caught.value)) < 200


def _arm(body: dict[str, Any]) -> tuple[Rule, ...]:
    return read_arming(body, {}, TCP)


def catch(way: Callable[[], object]) -> ConfigError | None:
    try:
        way()
    except ConfigError as error:
        return error
    return None


def _write(folder: Path, match: str) -> str:
    path = folder / 'vaurien.yaml'
    path.write_text(f'vaurien: {{behavior: delay}}\nbehavior:\n  delay:\n    match: {json.dumps(match)}\n')
    return str(path)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.sampled_from('ab(){}[]|?*+.^$\\,-:=!<>P0123456789dwpLsxuiQE') | st.characters(), max_size=40))
@example('a{99999999999}')
@example('(' * 4000)
@example('(?\n')
@example('a' * MAX_PATTERN)
@example('(' * 499 + ')' * 499)
@example('((((a{9}){9}){9}){9}){9}')
@example('\ud800')
@example('(?P<a>x)(?P=a)')
@example('\\p{Han}' * 100)
def test_every_way_in_takes_the_same(tmp_path: Path, regex: str) -> None:
    match = f'/{regex}/'

    def attempt(way: Callable[[], object], path: str) -> str:
        error = catch(way)
        assert error is None or (error.path, '\n' in error.description) == (path, False)
        return '' if error is None else error.description

    said = attempt(lambda: _arm({'name': 'delay', 'match': match}), 'match')
    rules = {'behavior': 'delay', 'options': {'delay': {'match': match}}}
    assert attempt(lambda: _arm(rules), 'options.delay.match') == said
    listed = {'behaviors': [{'name': 'delay', 'match': match}]}
    assert attempt(lambda: _arm(listed), 'behaviors[0].match') == said
    argv = ('--behavior=delay', f'--behavior-delay-match={match}')
    assert attempt(lambda: parse(argv), '--behavior-delay-match') == said
    if regex.isascii():
        path = _write(tmp_path, match)
        assert attempt(lambda: build(read(path)), f'{path}:4: behavior.delay.match') == said
    assert not said or 'RE2' in said or str(MAX_PATTERN) in said


def test_from_the_command_line() -> None:
    result = run('vaurien', '--behavior=delay', '--behavior-delay-match=/(?=a)/')
    said = "not a regular expression of RE2: invalid perl operator: (?=, got '/(?=a)/'"
    assert (result.returncode, result.stderr) == (2, f'vaurien: error: --behavior-delay-match: {said}\n')


def test_it_is_imported_late() -> None:
    code = (
        "import sys, vaurien.cli.flags; vaurien.cli.flags.parse(['--behavior=delay']); sys.exit('re2' in sys.modules)"
    )
    assert subprocess.run([sys.executable, '-c', code], timeout=TIMEOUT, check=False).returncode == 0


def test_a_pattern_uses_it() -> None:
    pattern = Pattern.parse('/(a+)+$/')
    assert pattern.matches('aa')
    assert not pattern.matches('a' * 199 + 'b')
