"""Running a server process for the length of a block."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

#: How long a server may take to start, and to end, in seconds.
TIMEOUT = 10.0
#: The state LISTEN in ``/proc/net/tcp`` (proc_pid_net(5)).
LISTEN = '0A'


class BenchError(Exception):
    """A step that cannot be measured. The text gives the reason in one line."""


def is_listening(port: int) -> bool:
    """Return whether a process listens on *port* of 127.0.0.1, without a connection that the process would see."""
    wanted = f'0100007F:{port:04X}'
    rows = (line.split() for line in Path('/proc/net/tcp').read_text().splitlines())
    return any(row[1] == wanted and row[3] == LISTEN for row in rows)


@contextmanager
def listening(command: list[str], port: int, environment: Mapping[str, str] | None = None) -> Iterator[int]:
    """Run *command* in a process group of its own, and yield its pid once it listens on *port*.

    Its environment is that of this process, with *environment* added.

    Raise `BenchError`, with the last line that the process printed, if it does not.
    """
    with tempfile.TemporaryFile() as log:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )
        except OSError as error:
            raise BenchError(f'{command[0]}: {error.strerror}') from error
        try:
            _wait_until_listening(process, port)
            yield process.pid
        except BenchError as error:
            log.seek(0)
            last = log.read().decode(errors='replace').strip().splitlines()[-1:]
            raise BenchError(': '.join([str(error), *last])) from None
        finally:
            _end(process)


def _wait_until_listening(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not is_listening(port):
        if process.poll() is not None:
            raise BenchError(f'ended with status {process.returncode}')
        if time.monotonic() > deadline:
            raise BenchError(f'does not listen on port {port} within {TIMEOUT:g} s')
        time.sleep(0.01)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
