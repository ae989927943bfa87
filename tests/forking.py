"""Children that a test forks, and that live until it is done with them."""

from __future__ import annotations

import json
import os
import select
import signal
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

from tests.servers import TIMEOUT

#: What Python 3.12 and later say of a fork in a process with threads.
WARNING = 'ignore:This process .* is multi-threaded, use of fork:DeprecationWarning'


class Child:
    """A child of this process, forked by `fork`, that lives until the block ends."""

    def __init__(self) -> None:
        self._result, self._give_result = os.pipe()
        self._pid = 0

    def fork(self, function: Callable[[], Any], fork: Callable[[], int] = os.fork) -> Any:
        """Fork; return what *function* returns in the child, as JSON, or raise `AssertionError` with its traceback."""
        self._pid = fork()
        if not self._pid:
            self._run(function)
        if not select.select([self._result], [], [], TIMEOUT)[0]:
            raise TimeoutError('the child hangs')
        result, failure = json.loads(os.read(self._result, 65536))
        assert not failure, failure
        return result

    def _run(self, function: Callable[[], Any]) -> None:
        """Be the child."""
        try:
            outcome = [function(), '']
        except BaseException:
            outcome = [None, traceback.format_exc()]
        os.write(self._give_result, json.dumps(outcome).encode())
        while True:
            signal.pause()

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._result)
        os.close(self._give_result)
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
