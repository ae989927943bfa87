"""``vaurien completion``: the script with which a shell completes commands, flags and what they take."""

from __future__ import annotations

from argparse import Action, ArgumentParser, _SubParsersAction
from collections.abc import Iterator, Sequence

from vaurien.behaviors import Behavior
from vaurien.cli.parsers import PARSERS
from vaurien.console.command import run_command
from vaurien.console.output import print_line
from vaurien.console.parser import Parser
from vaurien.console.statuses import describe_statuses
from vaurien.errors import ConfigError
from vaurien.plugins.options import did_you_mean
from vaurien.protocols import Protocol

NAME = 'vaurien completion'
SHELLS = ('bash', 'zsh', 'fish')

USAGE = f'{NAME} {"|".join(SHELLS)} [COMMAND]'

DESCRIPTION = f"""\
Prints the script with which a shell completes a command: vaurien, or another one of
{', '.join(list(PARSERS)[1:])}.
It needs pip install 'vaurien[completion]'."""

EPILOG = f"""\
examples:
  source <(vaurien completion bash)
      complete vaurien in this shell
  vaurien completion bash vaurienctl > ~/.local/share/bash-completion/completions/vaurienctl
      complete vaurienctl from the next shell on
  vaurien completion zsh > "${{fpath[1]}}/_vaurien"
      the same for zsh
  vaurien completion fish > ~/.config/fish/completions/vaurien.fish
      the same for fish

{describe_statuses(NAME)}"""


def main(argv: Sequence[str]) -> int:
    """Run the command with *argv*, behind its name, and return its exit status."""
    return run_command(NAME, lambda: run(argv))


def run(argv: Sequence[str]) -> int:
    """Print the script, and return 0; raise `ConfigError`."""
    given = make_parser().parse(argv)
    if given.shell not in SHELLS:
        raise ConfigError(f'unknown shell {given.shell!r}, {did_you_mean(given.shell, list(SHELLS))}')
    if given.command not in PARSERS:
        raise ConfigError(f'unknown command {given.command!r}, {did_you_mean(given.command, list(PARSERS))}')
    print_line(make_script(given.shell, PARSERS[given.command]()))
    return 0


def make_parser() -> Parser:
    """Return the parser of the words."""
    parser = Parser(prog=NAME, usage=USAGE, description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument('shell', metavar='SHELL', help=', '.join(SHELLS))
    parser.add_argument(
        'command', metavar='COMMAND', nargs='?', default='vaurien', help='the command (default vaurien)'
    )
    return parser


def make_script(shell: str, parser: ArgumentParser) -> str:
    """Return the script for the command of *parser*; raise `ConfigError`."""
    try:
        import shtab  # late: it is an extra
    except ModuleNotFoundError:
        raise ConfigError("it needs shtab: pip install 'vaurien[completion]'") from None
    for action in list_actions(parser):
        metavar = str(action.metavar)
        if isinstance(action, _SubParsersAction) or action.choices is not None:
            continue
        if 'FILE' in metavar:
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # which shtab looks for
        elif metavar.startswith('DIR'):
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        else:
            action.choices = find_choices(action.dest, metavar)
    return str(shtab.complete(parser, shell)).rstrip('\n')


def find_choices(dest: str, metavar: str) -> Sequence[str] | None:
    """Return what may be given for an argument, as far as that is known: the first words that come into question."""
    if dest.rpartition('.')[2] == 'protocol':
        return Protocol.names()
    if dest == 'vaurien.behavior' or (dest, metavar) == ('name', 'NAME'):
        return Behavior.names()
    if metavar == 'BOOL':
        return ('true', 'false')
    return metavar.split('|') if '|' in metavar and metavar.islower() else None


def list_actions(parser: ArgumentParser) -> Iterator[Action]:
    """Yield the arguments of a command, and of those below it."""
    for action in parser._actions:
        yield action
        if isinstance(action, _SubParsersAction):
            for child in action.choices.values():
                yield from list_actions(child)
