"""The code and commands of ``docs/loads.md`` do what the page says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.loads.commands import run
from tests.loads.forks import Forks
from tests.servers import TIMEOUT, Server
from tests.test_docs import PAGES, write_files


def test_code_does_what_it_says(tmp_path: Path, nginx: Server, websocket_server: str) -> None:
    replacements = {'http://localhost:9200': nginx.url, 'ws://localhost:9000': websocket_server}
    assert write_files('loads.md', tmp_path, replacements) == ['example.py', 'loads.ini']
    plain = subprocess.run(
        [sys.executable, '-m', 'unittest', 'example'], cwd=tmp_path, capture_output=True, text=True, timeout=6 * TIMEOUT
    )
    assert (plain.returncode, 'Ran 3 tests' in plain.stderr) == (0, True), plain.stderr
    done = run('loads-runner', '--config', 'loads.ini', cwd=tmp_path)
    assert (done.status, done.counts(), done.number('pages')) == (0, (60, 60, 0, 0), 60), done


def test_the_summary_looks_like_that(tmp_path: Path, nginx: Server, forks: Forks) -> None:
    (shown,) = re.findall(r'    \$ loads-runner (example.*)\n((?:(?:    .*)?\n)+)', PAGES['loads.md'])
    write_files('loads.md', tmp_path, {'http://localhost:9200': nginx.url})
    done = run('loads-runner', *shown[0].split(), cwd=tmp_path, forks=forks)
    assert (done.status, shape(done.out)) == (0, shape(shown[1])), done


def shape(text: str) -> str:
    """A text with every run of digits the same, and without indentation."""
    return re.sub(r'[\d.]+', '0', re.sub(r' +', ' ', text)).replace('\n ', '\n').strip()
