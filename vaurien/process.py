"""Proxies in processes of their own, which a test starts and stops."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from tempfile import TemporaryFile
from time import monotonic
from typing import IO

import msgspec

from vaurien.address import Address
from vaurien.console.output import SERVING
from vaurien.errors import ConfigError, StartError

#: How long a process may take to start, in seconds. On an idle machine it takes a fraction of one.
START_TIMEOUT = 30.0
#: How long a process may take to end before it is killed, in seconds. Open exchanges have three of them.
STOP_TIMEOUT = 10.0
#: How often to look whether a process has started, in seconds.
PAUSE = 0.005

#: The processes that `start_proxy` has started, by pid. Those that have ended stay, to be known.
_started: dict[int, subprocess.Popen[bytes]] = {}


def start_proxy(
    port: int = 8080,
    *,
    http: bool = True,
    http_host: str = 'localhost',
    http_port: int | None = None,
    proxy_host: str = 'localhost',
    proxy_port: int = 8000,
    backend_host: str = 'localhost',
    backend_port: int = 8888,
    protocol: str = 'tcp',
    behavior: str = '100:dummy',
    options: Mapping[str, Mapping[str, object]] | Sequence[str] | None = None,
    warmup: float | None = None,
    log_level: str = 'info',
    log_output: str = os.devnull,
) -> int:
    """Start a proxy in a process of its own. Return its pid once clients and the control API can connect.

    *port* is that of the control API, on *http_host*; *http_port* is another name for it. Without *http* there is no
    control API. *proxy_port* 0 takes a free port, which `Client.status` shows. *options* are those of behaviors, by the
    name of the behavior, ``{'delay': {'sleep': 2}}``, or flags: ``['--behavior-delay-sleep', '2']``. *warmup*,
    the seconds that Vaurien 1 waited, has no meaning any more. The log is appended to the file *log_output*; ``-`` is
    the standard error of this process, where the message of a proxy that does not start appears then as well.

    Raise `StartError` with the message of the process if it does not start; nothing is left of it then.
    """
    control = port if http_port is None else http_port
    name, number = ('port', control) if http else ('proxy_port', proxy_port)
    if not number:
        raise ConfigError('port 0 would take a free port that nobody could know: choose one', name)
    flags = {
        'proxy': Address(proxy_host, proxy_port),
        'backend': Address(backend_host, backend_port),
        'protocol': protocol,
        'behavior': behavior,
        'http': str(http).lower(),
        'http-host': http_host,
        'http-port': control,
        'log-level': log_level,
        'log-output': log_output,
    }
    command = [sys.executable, '-m', 'vaurien', *(f'--{name}={value}' for name, value in flags.items())]
    command.extend(_flags_of(options or {}))
    with TemporaryFile() as printed, TemporaryFile() as messages:
        errors = None if log_output == '-' else messages
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=printed, stderr=errors)
        try:
            _wait_until_ready(process, printed, messages)
        except BaseException:
            process.kill()
            process.wait()
            raise
    _started[process.pid] = process
    return process.pid


def stop_proxy(pid: int) -> None:
    """End the proxy process *pid* that `start_proxy` has started, and wait until it has ended.

    Open exchanges have a few seconds to finish. A process that has not ended after `STOP_TIMEOUT` is killed. Nothing
    happens if it has ended before. Raise `ValueError` for any other process.
    """
    if pid not in _started:
        raise ValueError(f'start_proxy has not started a process {pid}')
    process = _started[pid]
    process.terminate()  # nothing is sent to a process that has ended: its pid may belong to another one
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _flags_of(options: Mapping[str, Mapping[str, object]] | Sequence[str]) -> Iterator[str]:
    """Yield the flags that stand for the *options* of behaviors; those that are flags already are not changed."""
    if not isinstance(options, Mapping):
        yield from options
        return
    for behavior, values in options.items():
        for name, value in values.items():
            text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            yield f'--behavior-{behavior}-{name}'.replace('_', '-') + f'={text}'


def _wait_until_ready(process: subprocess.Popen[bytes], printed: IO[bytes], messages: IO[bytes]) -> None:
    """Wait until *process* has printed that it serves; raise `StartError` with its *messages* if it ends.

    The ports are not asked: somebody else may answer on a port that is taken.
    """
    deadline = monotonic() + START_TIMEOUT
    while monotonic() < deadline:
        # Not by seek and read: the process writes where this file is at.
        if SERVING.encode() in os.pread(printed.fileno(), os.fstat(printed.fileno()).st_size, 0).splitlines():
            return
        with suppress(subprocess.TimeoutExpired):
            code = process.wait(PAUSE)
            messages.seek(0)
            said = messages.read().decode(errors='replace').strip()
            raise StartError(said or f'the process ended with status {code}')
    raise StartError(f'the proxy did not start within {START_TIMEOUT:g} s')
