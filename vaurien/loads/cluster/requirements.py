"""A virtual environment of a worker's own, for what a test needs beyond what its agent has."""

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
    """Make the environment in *directory*, install into it, and use it from here on; raises `SetupError`.

    What the agent has is seen from there, so it is not installed again; what it has imported stays as it is.
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
        said = done.stdout.decode('utf-8', 'replace')
        raise SetupError(f'pip cannot install {", ".join(requirements)}', said)
    site.addsitedir(str(packages))
    sys.path.insert(0, str(packages))
    os.environ['VIRTUAL_ENV'] = str(directory)
    os.environ['PATH'] = f'{scripts}{os.pathsep}{os.environ.get("PATH", os.defpath)}'
