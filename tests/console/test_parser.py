"""One parser for all commands: what it takes, and the one line that a mistake becomes."""

from __future__ import annotations

import argparse
from typing import Annotated

import msgspec
import pytest

from vaurien import __version__
from vaurien.console.parser import Parser, value_of
from vaurien.errors import ConfigError

Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]


def make_parser() -> Parser:
    """Return the parser of a command with two sub-commands; one of them keeps words that it does not know."""
    parser = Parser(prog='cook', description='Cook\n  something.', epilog='examples:\n  cook stew', has_version=True)
    parser.add_argument('--heat', type=value_of(Percent), default=50)
    parser.add_argument('--secret', help=argparse.SUPPRESS)
    commands = parser.add_subparsers(metavar='COMMAND', required=True)
    stew = commands.add_parser('stew', help='slowly')
    stew.add_argument('dish', metavar='DISH')
    stew.add_argument('--minutes', type=value_of(int))
    salad = commands.add_parser('salad', help='not at all')
    salad.rest = 'more'
    return parser


def mistake(*words: str) -> str:
    """Return what is said of a command line that cannot be read."""
    with pytest.raises(ConfigError) as caught:
        make_parser().parse(words)
    return str(caught.value)


def test_values() -> None:
    given = make_parser().parse(['--heat', '90', 'stew', 'beef', '--minutes=120'])
    assert vars(given) == {'heat': 90, 'secret': None, 'dish': 'beef', 'minutes': 120}


def test_words_that_a_command_keeps() -> None:
    assert make_parser().parse(['salad', '--oil', '2', 'mint']).more == ['--oil', '2', 'mint']
    assert make_parser().parse(['salad']).more == []


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (['stew', 'beef', '--minuets', '3'], 'unknown flag --minuets, did you mean --minutes?'),
        (['stew', 'beef', '--minut=3'], 'unknown flag --minut, did you mean --minutes?'),
        (['stew', 'beef', '--heat', '3'], 'unknown flag --heat, did you mean --help?'),
        (['stew', 'beef', '--zzz'], 'unknown flag --zzz, see cook stew --help'),
        (['stew', 'beef', '-x'], 'unknown flag -x, see cook stew --help'),
        (['stew', 'beef', 'pork'], "unexpected argument 'pork', see cook stew --help"),
        (['stew'], 'the following arguments are required: DISH, see cook stew --help'),
        (['stew', 'beef', '--minutes'], '--minutes: expected one argument, see cook stew --help'),
        (['stew', 'beef', '--minutes', 'two'], "--minutes: expected int, got 'two', see cook stew --help"),
        (['--heat', '101', 'stew', 'beef'], "--heat: expected int <= 100, got '101', see cook --help"),
        (['--secert=1', 'stew', 'beef'], 'unknown flag --secert, see cook --help'),
        (['--url', 'stew'], 'unknown flag --url, see cook --help'),
        (['--heat', '9', '--url', 'X'], 'unknown flag --url, see cook --help'),
        (['--heat=', 'stew', 'beef'], "--heat: expected int, got '', see cook --help"),
        (['--hepl'], 'unknown flag --hepl, did you mean --help?'),
        (['--heat'], '--heat: expected one argument, see cook --help'),
        (['stw'], "unknown command 'stw', did you mean 'stew'?"),
        (['zzz'], "unknown command 'zzz', known: salad, stew"),
        ([], 'the following arguments are required: COMMAND, see cook --help'),
    ],
)
def test_mistakes(words: list[str], said: str) -> None:
    assert mistake(*words) == said


@pytest.mark.parametrize(
    ('words', 'usage'),
    [
        (['help'], 'usage: cook [-h]'),
        (['help', 'stew'], 'usage: cook stew [-h]'),
        (['--heat', '9', 'stew', '-h'], 'usage: cook stew [-h]'),
        (['-V'], f'cook {__version__}'),
    ],
)
def test_help_and_version(words: list[str], usage: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        make_parser().parse(words)
    assert not caught.value.code
    assert capsys.readouterr().out.startswith(usage)


def test_commands_of_somebody_else() -> None:
    parser = Parser(prog='mix')
    parser.commands = ('explore', 'report')
    with pytest.raises(ConfigError, match=r"^unknown command 'explor', did you mean 'explore'\?$"):
        parser.parse(['explor'])
    with pytest.raises(ConfigError, match=r"^unexpected argument 'localhost:1', see mix --help$"):
        parser.parse(['localhost:1'])


def test_flags_between_words() -> None:
    parser = Parser(prog='mix')
    parser.add_argument('words', nargs='*')
    parser.add_argument('--twice', action='store_true')
    given = parser.parse(['a', '--twice', 'b'], intermixed=True)
    assert (given.words, given.twice) == (['a', 'b'], True)
    with pytest.raises(ConfigError, match='unknown flag --twic, did you mean --twice'):
        parser.parse(['a', '--twic', 'b'], intermixed=True)


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (['--version'], f'cook {__version__}\n'),
        (['--help'], 'Cook\n  something.\n'),
        (['--help'], 'examples:\n  cook stew\n'),
        (['stew', '--help'], 'usage: cook stew '),
    ],
)
def test_what_is_printed_on_request(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        make_parser().parse(words)
    assert ended.value.code == 0
    out, err = capsys.readouterr()
    assert said in out
    assert (err, '--secret' in out) == ('', False)
    assert ('--version' in out) == (words == ['--help'])
