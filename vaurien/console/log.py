"""Logging of the commands: one line a record, to standard error or a file."""

from __future__ import annotations

import logging
import sys

from vaurien.errors import ConfigError

FORMAT = '%(asctime)s %(levelname)s %(message)s'


def set_up(level: str, output: str) -> None:
    """Send records of *level* (``info``) and above to standard error (``-``) or to the end of a file.

    Raises `ConfigError` if the file cannot be written.
    """
    handler: logging.Handler
    try:
        handler = logging.StreamHandler(sys.stderr) if output == '-' else logging.FileHandler(output, encoding='utf-8')
    except OSError as error:
        raise ConfigError(f'cannot write the log to {output}: {error.strerror}') from None
    logging.basicConfig(level=level.upper(), format=FORMAT, handlers=[handler], force=True)
