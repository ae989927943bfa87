"""Clients in other languages: programs that the tests start once, and ask for one thing after the other."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers import TIMEOUT


class Program:
    """A program that answers each line of its input, a JSON object, with a line of JSON."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, **request: Any) -> Any:
        """Return the answer to a *request*."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + '\n')
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, 'the program has ended'
        return json.loads(answer)


@contextmanager
def running(command: list[str], directory: Path) -> Iterator[Program]:
    """Run a program in a *directory* until the block is left."""
    with subprocess.Popen(command, cwd=directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Program(process)
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(TIMEOUT) == 0
        finally:
            process.kill()
