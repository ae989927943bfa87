"""The clients for Node.js that tests drive, installed by npm."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.locks import locked
from tests.servers import TIMEOUT

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
