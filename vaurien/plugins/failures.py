"""What becomes of an exception that somebody's plug-in has raised: a warning, once for each, and the proxy goes on."""

from __future__ import annotations

import logging

from vaurien.plugins.options import Configurable
from vaurien.records.proxy_log import ProxyLog


def warn_failed(plugin: Configurable | type[Configurable], error: BaseException, log: ProxyLog) -> None:
    """Log that *plugin* has raised *error*, at debug level with the traceback."""
    log.warning(
        '%s failed: %s',
        plugin.name,
        describe_error(error),
        exc_info=log.is_enabled(logging.DEBUG),
    )


def describe_error(error: BaseException) -> str:
    """Return the type of an exception and what it says, if it can say that."""
    try:
        return f'{type(error).__name__}: {error}'
    except Exception:  # its own text is somebody's code, too
        return type(error).__name__
