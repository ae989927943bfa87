"""Logging of the commands: one line for each record, to standard error or to a file."""

from __future__ import annotations

import logging
import sys

from vaurien.errors import ConfigError

FORMAT = '%(asctime)s %(levelname)s %(message)s'


def set_up(level: str, output: str) -> None:
    """Write records of *level* (such as ``info``) and above to standard error (``-``), or append them to a file.

    Raises `ConfigError` if the file cannot be written.
    """
    handler: logging.Handler
    try:
        handler = logging.StreamHandler(sys.stderr) if output == '-' else logging.FileHandler(output, encoding='utf-8')
    except OSError as error:
        raise ConfigError(f'cannot write the log to {output}: {error.strerror}') from None
    # force: libraries may have set up handlers of their own while they were imported
    logging.basicConfig(level=level.upper(), format=FORMAT, handlers=[handler], force=True)
