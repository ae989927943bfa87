"""Command lines whose mistakes are errors of ours."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from vaurien.errors import ConfigError

#: How every parser reads and shows: nothing abbreviated, texts laid out as written.
STYLE: dict[str, Any] = {'allow_abbrev': False, 'formatter_class': argparse.RawDescriptionHelpFormatter}


class Parser(argparse.ArgumentParser):
    """Raises `ConfigError` instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        """Called by argparse."""
        raise ConfigError(f'{message.removeprefix("argument ")}, see {self.prog} --help')
