"""A requirement that cannot be installed. ``test_cluster_run.py`` has one that an agent installs and uses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
from pathlib import Path
from vaurien.errors import SetupError
from vaurien.loads.cluster.requirements import install
before = list(sys.path)
try:
    install(['./missing-1.0-py3-none-any.whl', 'redis>=5'], Path(sys.argv[1]))
except SetupError as error:
    print(error, error.details, sys.path == before, sep='\\n')
"""


def test_what_pip_says(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, '-c', SCRIPT, str(tmp_path / 'venv')], capture_output=True, text=True, cwd=tmp_path
    )
    first, *details, unchanged = done.stdout.splitlines()
    assert first == 'pip cannot install ./missing-1.0-py3-none-any.whl, redis>=5'
    assert 'missing-1.0-py3-none-any.whl' in '\n'.join(details)
    assert unchanged == 'True'
    assert done.stderr == ''
