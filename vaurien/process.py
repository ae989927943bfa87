"""Proxies in processes of their own, which a test starts and stops."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from tempfile import TemporaryFile
from time import monotonic
from typing import IO, Any

import msgspec

from vaurien.address import Address
from vaurien.client import Client
from vaurien.errors import ConfigError, ControlError, StartError

#: How long a process may take to start, in seconds. On an idle machine it takes a fraction of one.
START_TIMEOUT = 30.0
#: How long a process may take to end before it is killed, in seconds. Open exchanges have three of them.
STOP_TIMEOUT = 10.0
#: How often to look whether a process has started, in seconds.
PAUSE = 0.005
#: How long to wait for one answer meanwhile, in seconds. What is slower is another server, on a port that is taken.
ANSWER_TIMEOUT = 0.5

#: The processes that `start_proxy` has started, by pid. Those that have ended stay, to be known.
_started: dict[int, subprocess.Popen[bytes]] = {}


def start_proxy(
    port: int = 8080,
    *,
    http_port: int | None = None,
    proxy_host: str = 'localhost',
    proxy_port: int = 8000,
    backend_host: str = 'localhost',
    backend_port: int = 8888,
    protocol: str = 'tcp',
    behavior: str = '100:dummy',
    options: Mapping[str, Mapping[str, Any]] | None = None,
    log_level: str = 'info',
    log_output: str = os.devnull,
) -> int:
    """Start a proxy in a process of its own. Return its pid once clients and the control API can connect.

    *port* is that of the control API, on ``localhost``; *http_port* is another name for it. *proxy_port* 0 takes a free
    port, which `Client.status` shows. *options* are those of behaviors, by the name of the behavior:
    ``{'delay': {'sleep': 2}}``. The log is appended to the file *log_output*; ``-`` is the standard error of this
    process, where the message of a proxy that does not start appears then as well.

    Raise `StartError` with the message of the process if it does not start; nothing is left of it then.
    """
    control = port if http_port is None else http_port
    if not control:
        raise ConfigError('port 0 would take a free port that nobody could know: choose one', 'port')
    flags = {
        'proxy': Address(proxy_host, proxy_port),
        'backend': Address(backend_host, backend_port),
        'protocol': protocol,
        'behavior': behavior,
        'http': 'true',
        'http-port': control,
        'log-level': log_level,
        'log-output': log_output,
    }
    flags.update(_flags_of(options or {}))
    command = [sys.executable, '-m', 'vaurien', *(f'--{name}={value}' for name, value in flags.items())]
    with TemporaryFile() as messages:
        errors = None if log_output == '-' else messages
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)
        try:
            _wait_until_ready(process, Client('localhost', control, timeout=ANSWER_TIMEOUT), messages)
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


def _flags_of(options: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {
        f'behavior-{behavior}-{name}'.replace('_', '-'): value
        if isinstance(value, str)
        else msgspec.json.encode(value).decode()
        for behavior, values in options.items()
        for name, value in values.items()
    }


def _wait_until_ready(process: subprocess.Popen[bytes], client: Client, messages: IO[bytes]) -> None:
    """Wait until the control API answers with the pid of *process*; raise `StartError` if it ends.

    The API comes after the proxy. Another pid is that of another process on a port that is taken.
    """
    deadline = monotonic() + START_TIMEOUT
    while monotonic() < deadline:
        with suppress(ControlError):
            if client.status().get('pid') == process.pid:
                return
        with suppress(subprocess.TimeoutExpired):
            code = process.wait(PAUSE)
            messages.seek(0)
            said = messages.read().decode(errors='replace').strip()
            raise StartError(said or f'the process ended with status {code}')
    raise StartError(f'the proxy did not start within {START_TIMEOUT:g} s')
