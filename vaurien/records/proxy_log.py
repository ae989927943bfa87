"""The log of one proxy: each line of a process with several proxies says which of them it is about."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial


class ProxyLog:
    """Logs what happens on one proxy. Records have its name as a field, and so a line of JSON has it."""

    def __init__(self, name: str, *, is_alone: bool = False) -> None:
        """*name* is what the lines begin with, unless the proxy *is_alone* in its process."""
        self.name = name
        self._logger = logging.getLogger('vaurien.proxy')
        self._is_alone = is_alone

    def is_enabled(self, level: int) -> bool:
        """Return whether records of a *level* are logged."""
        return self._logger.isEnabledFor(level)

    def debug(self, text: str, *args: object) -> None:
        """Log what explains how something came about."""
        self.log(logging.DEBUG, text, *args)

    def info(self, text: str, *args: object) -> None:
        """Log what has happened."""
        self.log(logging.INFO, text, *args)

    def warning(self, text: str, *args: object, exc_info: bool = False) -> None:
        """Log what somebody may have to mend, with the traceback of what is being handled if that is wanted."""
        self.log(logging.WARNING, text, *args, exc_info=exc_info)

    def log(self, level: int, text: str, *args: object, exc_info: bool = False) -> None:
        """Log *text*, into which *args* are put as `logging` does it, at any *level*."""
        self._name(partial(self._logger.log, level), text)(*args, exc_info=exc_info, extra={'proxy': self.name})

    def prepare_info(self, text: str) -> Callable[..., None]:
        """Return what logs a line again and again, without the calls between. It takes the arguments of `logging`.

        Its ``extra`` has to have the name of the proxy.
        """
        return self._name(self._logger.info, text)

    def _name(self, log: Callable[..., None], text: str) -> Callable[..., None]:
        return partial(log, text) if self._is_alone else partial(log, f'proxy %s: {text}', self.name)


#: The log of what is at work on no proxy.
NO_PROXY = ProxyLog('', is_alone=True)
