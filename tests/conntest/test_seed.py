"""The session that the documentation of the original shows, word for word but for the names of its two hosts."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.commands import SCRIPTS
from tests.conntest.serving import Server
from tests.servers import TIMEOUT, Server as WebServer

ROOT = Path(__file__).parent.parent.parent

SESSION = """\
# set CONNTEST remote endpoint
export CONNTEST=http://conntest-server:8080
# create a new test group, storing the response in a variable
RESP=`curl $CONNTEST/test-groups/create -d '{
	"description": "example test group",
	"run_count": 1000,
	"concurrency": 5,
	"client_delay_ns": 100,
	"upstream_endpoint": "https://internal.example.net",
	"server_delay_ns": 0
}'`
# export the run_group_id from the response JSON
export run_group_id=`echo $RESP | jq -r '.run_group_id'`
conntest client -r $CONNTEST -g $run_group_id -f report.json -d "$(<data.txt)"
"""

ANALYSIS = """\
REPORT_FILE=report.json
jq '.average_response_time_ns' $REPORT_FILE
jq '.results[] | select(.error != null)' $REPORT_FILE
jq '.results |=sort_by(.run_count)|.results[]|.client_duration_ns' $REPORT_FILE
"""

PLOT = """\
export SCRIPTS_DIR=scripts
export REPORT_FILE=report.json
bash scripts/plot.sh
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return the folder of the session, with data to send and the scripts of the repository."""
    (tmp_path / 'data.txt').write_text('"quoted" $data\n\n  in two lines: é')
    (tmp_path / 'scripts').symlink_to(ROOT / 'scripts')
    return tmp_path


def bash(script: str, directory: Path) -> str:
    """Return what *script* prints."""
    done = subprocess.run(
        ['bash', '-euo', 'pipefail', '-c', script],
        cwd=directory,
        env={**os.environ, 'PATH': f'{SCRIPTS}:{os.environ["PATH"]}', 'no_proxy': '*'},
        capture_output=True,
        text=True,
        timeout=8 * TIMEOUT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_session(server: Server, nginx: WebServer, directory: Path) -> None:
    hosts = {'http://conntest-server:8080': server.url, 'https://internal.example.net': f'{nginx.url}/ok'}
    session = SESSION
    for name, url in hosts.items():
        session = session.replace(name, url)
    said = bash(session, directory)
    assert said.startswith('group     example test group\nruns      1000, 5 at a time\n')
    assert said.endswith('errors    none\nupstream  1000 × 200\n')

    report = json.loads((directory / 'report.json').read_bytes())
    average, *durations = bash(ANALYSIS, directory).splitlines()
    assert int(average) == report['average_response_time_ns'] > 0
    assert [int(line) for line in durations] == [result['client_duration_ns'] for result in report['results']]

    bash(PLOT, directory)
    assert (directory / 'roundtrip-plot.png').stat().st_size > 1000
