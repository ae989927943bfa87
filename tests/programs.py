"""Programs in any language: those that run to their end, and those that are asked for one thing after the other."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers import TIMEOUT, command_path


def java_command() -> list[str]:
    """Return what runs a program that is one file of Java, with a quick start."""
    java = Path(command_path('javac')).with_name('java')  # the one that runs sources
    return [str(java), '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Djava.net.preferIPv4Stack=true']


def run_to_end(
    command: Sequence[str], folder: Path, environment: Mapping[str, str] = os.environ, *, seconds: float = TIMEOUT
) -> subprocess.CompletedProcess[str]:
    """Run a program in a *folder* to its end, which must come within so many *seconds*.

    What it prints on standard error is among its output.
    """
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )


def run_program(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str] = os.environ,
    *,
    statuses: Sequence[int] = (0,),
    seconds: float = 6 * TIMEOUT,
) -> str:
    """Do as `run_to_end` does with a program that must end with one of *statuses*; return what it prints."""
    done = run_to_end(command, folder, environment, seconds=seconds)
    assert done.returncode in statuses, done.stdout
    return done.stdout


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
