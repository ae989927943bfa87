"""Scripts that complete commands in shells, and manual pages, of all seven commands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from docs.man import main as write_pages
from tests.commands import call
from tests.servers import TIMEOUT
from vaurien.cli import completion
from vaurien.cli.parsers import PARSERS

#: What completes a line of bash is a function, which finds its words in variables.
COMPLETE = """
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
$(complete -p "$1" | sed 's/.*-F \\([^ ]*\\).*/\\1/')
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope='module')
def scripts() -> dict[str, str]:
    """Return the script of bash for each command."""
    return {command: call(completion.main, 'bash', command).stdout for command in PARSERS}


@pytest.mark.parametrize(
    ('line', 'wanted'),
    [
        (['vaurien', '--behavior-delay-s'], {'--behavior-delay-sleep'}),
        (['vaurien', '--protocol', 'r'], {'redis'}),
        (['vaurien', 'exp'], {'explore'}),
        (['vaurien', 'explore', '--fau'], {'--fault'}),
        (['vaurien', '--log-format', ''], {'text', 'json'}),
        (['vaurienctl', 'set-behavior', 'del'], {'delay'}),
        (['vaurienctl', 'proxy', 'ins'], {'inspect'}),
        (['conntest', 'r'], {'run'}),
        (['tcpgoon', 'server', '--max'], {'--maxconnections'}),
        (['loads-runner', '--hi'], {'--hits'}),
        (['loads-agent', '--bro'], {'--broker'}),
        (['loads-broker', '--bi'], {'--bind'}),
    ],
)
def test_bash(scripts: dict[str, str], line: list[str], wanted: set[str]) -> None:
    result = subprocess.run(
        ['bash', '-c', f'{scripts[line[0]]}\n{COMPLETE}', 'bash', *line],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=True,
    )
    assert (result.stderr, {word.strip() for word in result.stdout.splitlines()}) == ('', wanted)


def test_zsh_and_fish() -> None:
    assert call(completion.main, 'zsh').stdout.startswith('#compdef vaurien\n')
    fish = call(completion.main, 'fish', 'vaurienctl').stdout
    assert 'complete -c vaurienctl' in fish
    assert 'set-behavior' in fish


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (('bsh',), "unknown shell 'bsh', did you mean 'bash'?"),
        (('bash', 'tcpgon'), "unknown command 'tcpgon', did you mean 'tcpgoon'?"),
        ((), 'the following arguments are required: SHELL'),
    ],
)
def test_mistakes(words: tuple[str, ...], said: str) -> None:
    result = call(completion.main, *words)
    assert (result.returncode, result.stdout) == (2, '')
    assert result.stderr.startswith(f'vaurien completion: error: {said}')


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'shtab', None)
    result = call(completion.main, 'bash', 'loads-broker')
    assert result.stderr == "vaurien completion: error: it needs shtab: pip install 'vaurien[completion]'\n"


def test_manual_pages(tmp_path: Path) -> None:
    assert write_pages([str(tmp_path)]) == 0
    pages = {path.stem: path.read_text() for path in tmp_path.iterdir()}
    assert pages.keys() == PARSERS.keys()
    for command, page in pages.items():
        assert page.startswith('.TH {} "1"'.format(command.upper().replace('-', '\\-')))
    assert '\\-\\-behavior\\-delay\\-sleep' in pages['vaurien']
    assert '.SH NAME\nvaurienctl \\- Control a running vaurien' in pages['vaurienctl']
    assert 'set\\-behavior' in pages['vaurienctl']
