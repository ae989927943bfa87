"""The virtual environment of a worker, for what a test needs beyond what its agent has."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
import venv
from collections.abc import Sequence
from pathlib import Path

from gevent import subprocess

from vaurien.errors import SetupError


def install(requirements: Sequence[str], directory: Path) -> None:
    """Make the environment in *directory*, install requirements into it, and use it from now on. Raises `SetupError`.

    The environment sees the packages of the agent, so these are not installed again. Imported modules stay as they are.
    """
    venv.create(directory, with_pip=False, symlinks=True)
    scripts = directory / 'bin'
    paths = {'base': str(directory), 'platbase': str(directory)}
    packages = Path(sysconfig.get_path('purelib', 'venv', vars=paths))
    (packages / 'of-the-agent.pth').write_text(''.join(f'{path}\n' for path in sys.path if path.endswith('-packages')))
    pip = [sys.executable, '-m', 'pip', '--python', str(scripts / 'python'), '--disable-pip-version-check']
    done = subprocess.run(
        [*pip, 'install', '--quiet', '--no-input', *requirements],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        output = done.stdout.decode('utf-8', 'replace')
        raise SetupError(f'pip cannot install {", ".join(requirements)}', output)
    site.addsitedir(str(packages))
    sys.path.insert(0, str(packages))
    os.environ['VIRTUAL_ENV'] = str(directory)
    os.environ['PATH'] = f'{scripts}{os.pathsep}{os.environ.get("PATH", os.defpath)}'
