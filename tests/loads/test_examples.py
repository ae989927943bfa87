"""Every file in ``examples/loads/`` is run, or, where nothing here can run it, at least read."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.loads.commands import run
from tests.loads.forks import ROOT, Forks
from tests.servers import TIMEOUT, Server
from vaurien.loads.cli.flags import parse
from vaurien.loads.outputs import influxdb

EXAMPLES = ROOT / 'examples' / 'loads'

#: The test that runs each file.
RUN_BY = {
    'example.py': 'test_example',
    'loads.ini': 'test_config_file',
    'page.sh': 'test_command',
    'compose.yaml': 'test_containers',
    'broker.Dockerfile': 'test_containers',
    'agent.Dockerfile': 'test_containers',
    'grafana-dashboard.json': 'test_dashboard',
}


@pytest.fixture
def folder(tmp_path: Path, nginx: Server, websocket_server: str) -> Path:
    """The examples, with the addresses of servers that there are."""
    for path in EXAMPLES.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    for name in ('example.py', 'loads.ini'):
        text = (tmp_path / name).read_text().replace('http://localhost:9200', nginx.url)
        (tmp_path / name).write_text(text.replace('ws://localhost:9000', websocket_server))
    return tmp_path


def test_every_file_is_run() -> None:
    assert {path.name for path in EXAMPLES.iterdir() if path.is_file()} == set(RUN_BY)
    assert set(RUN_BY.values()) <= set(globals())


def test_example(folder: Path, nginx: Server, forks: Forks) -> None:
    done = subprocess.run(
        [sys.executable, '-m', 'unittest', 'example'], cwd=folder, capture_output=True, text=True, timeout=6 * TIMEOUT
    )
    assert done.returncode == 0, done.stderr
    assert 'Ran 5 tests' in done.stderr
    flags = ['-u', '5', '--hits', '4', '--server-url', nginx.url]
    faults = ['--vaurien', "protocol=http behavior=100:error(nth='1-4')"]
    loaded = run('loads-runner', 'example.TestWebSite.test_patient', *flags, *faults, cwd=folder, forks=forks)
    assert (loaded.status, loaded.counts()) == (0, (20, 20, 0, 0)), loaded


def test_config_file(folder: Path, forks: Forks) -> None:
    done = run('loads-runner', '--config', 'loads.ini', cwd=folder, forks=forks)
    assert (done.status, done.counts()) == (0, (60, 60, 0, 0)), done
    assert done.number('pages') == 60
    assert (folder / 'report.html').stat().st_size > 100_000


def test_command(folder: Path, nginx: Server, forks: Forks) -> None:
    flags = ['-u', '2', '--hits', '2', '--server-url', nginx.url, '--test-runner', './page.sh {test}']
    done = run('loads-runner', '/ok', *flags, cwd=folder, forks=forks)
    assert (done.status, done.counts(), done.number('pages')) == (0, (4, 4, 0, 0), 4), done
    assert re.search(r'CMD GET /ok +4 ', done.out)


def test_containers() -> None:
    """Check what they say. Docker does not build them here."""
    services = yaml.safe_load((EXAMPLES / 'compose.yaml').read_text())['services']
    files = {service['build']['dockerfile'] for service in services.values()}
    assert files == {'broker.Dockerfile', 'agent.Dockerfile'}
    for name in files:
        text = (EXAMPLES / name).read_text()
        assert json.loads(text.rpartition('ENTRYPOINT ')[2])[0] in ('loads-broker', 'loads-agent')
        assert 'USER loads' in text
    (line,) = re.findall(r'#     loads-runner (.*)', (EXAMPLES / 'compose.yaml').read_text())
    parse(line.split())


def test_dashboard() -> None:
    """Check that it queries what is sent. Grafana does not show it here."""
    dashboard = json.loads((EXAMPLES / 'grafana-dashboard.json').read_text())
    queries = ' '.join(target['query'] for panel in dashboard['panels'] for target in panel['targets'])
    source = Path(influxdb.__file__).read_text() + (ROOT / 'vaurien/loads/outputs/deltas.py').read_text()
    for measurement in set(re.findall(r'_measurement == "(\w+)"', queries)):
        assert f"'{measurement}'" in source
    for field in set(re.findall(r'_field == "(\w+)"', queries)):
        assert re.search(rf"'{field}'|{field}=", source), field
