"""The clients for Node.js that tests drive, installed by npm, and a process that runs a program with them."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers import TIMEOUT
from tests.turns import locked

WANTED = Path(__file__).parent / 'package.json'


def install(place: Path) -> Path:
    """Install the packages that are wanted into the folder *place*, unless they are there, and return it."""
    installed = place / 'installed.json'
    with locked(place):  # from other workers
        if not (installed.exists() and installed.read_text() == WANTED.read_text()):
            shutil.copy(WANTED, place)
            quiet = '--no-audit', '--no-fund', '--no-update-notifier', '--no-package-lock', '--loglevel=error'
            subprocess.run(['npm', 'install', *quiet], cwd=place, check=True, timeout=10 * TIMEOUT)
            shutil.copy(WANTED, installed)
    return place


class Node:
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
def running(script: Path, modules: Path) -> Iterator[Node]:
    """Run a program, which finds its packages in *modules*, until the block is left."""
    with subprocess.Popen(
        ['node', str(script)], cwd=modules, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Node(process)
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(TIMEOUT) == 0
        finally:
            process.kill()
