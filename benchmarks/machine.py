"""The machine and the programs that the figures were measured with."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from tests.servers import SEARCH_PATH

#: The flag with which each program prints its version.
VERSION_FLAGS = {
    'haproxy': '-v',
    'redis-server': '--version',
    'nginx': '-v',
    'wrk': '--version',
    'iperf3': '--version',
    'memcached': '--version',
    'mariadbd': '--version',
    'postgres': '--version',
    'toxiproxy-server': '-version',
}


def describe() -> list[str]:
    """Return lines that name the processor, the kernel, Python, and the version of each program."""
    model = re.search(r'model name\s*: (.*)', Path('/proc/cpuinfo').read_text())
    processor = f'{os.cpu_count()} cores, {model[1] if model else platform.machine()}'
    system = f'{platform.system()} {platform.release()}, Python {platform.python_version()}'
    versions = [f'{name} {version}' for name in VERSION_FLAGS if (version := _version(name))]
    return [processor, system, ', '.join(versions)]


def _version(name: str) -> str:
    path = shutil.which(name, path=SEARCH_PATH)
    if path is None:
        return ''
    done = subprocess.run([path, VERSION_FLAGS[name]], capture_output=True, text=True, timeout=10)
    found = re.search(r'\d+\.\d+(\.\d+)?', done.stdout + done.stderr)
    return found[0] if found else '?'
