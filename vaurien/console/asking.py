"""Words that ask for help or for the version. It imports nothing else, so that a command may import it first."""

from __future__ import annotations

from collections.abc import Sequence

VERSION = ('-V', '--version')
HELP = ('-h', '--help')


def read_help(words: Sequence[str]) -> list[str]:
    """Return *words*, with flags in place of a word that asks for help: ``help status`` is ``status --help``."""
    return [*words[1:], '--help'] if [*words[:1]] == ['help'] else list(words)
