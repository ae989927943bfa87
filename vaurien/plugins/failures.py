"""What becomes of an exception that a plug-in raises: each is logged as a warning.

The proxy goes on; the caller decides whether the link does.
"""

from __future__ import annotations

import logging

from vaurien.errors import describe_error
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
