"""The files for Kubernetes, Helm and systemd agree with what they start, and those who read such files approve.

`make lint-deploy` asks more of these.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import vaurien
from tests.programs import run_program
from vaurien.cli.flags import parse

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / 'deploy'
CHART = DEPLOY / 'helm' / 'vaurien'


def read(path: Path) -> Any:
    """Return what is in a file of YAML."""
    return yaml.safe_load(path.read_text())


def test_who_reads_the_files_finds_no_mistake() -> None:
    run_program([sys.executable, 'scripts/lint_deploy.py', '--light'], ROOT)


def test_the_sidecar_is_where_the_application_looks() -> None:
    secret, deployment = yaml.safe_load_all((DEPLOY / 'kubernetes' / 'sidecar.yaml').read_text())
    spec = deployment['spec']['template']['spec']
    (sidecar,), (application,) = spec['initContainers'], spec['containers']
    settings = parse(sidecar['args']).settings
    assert f'-h {settings.proxy.host} -p {settings.proxy.port} ' in application['command'][-1]
    assert sidecar['image'] == f'vaurien:{vaurien.__version__}'
    assert sidecar['env'][0]['valueFrom']['secretKeyRef'] == {'name': secret['metadata']['name'], 'key': 'token'}
    assert 'token' in secret['stringData']


def test_the_chart_is_of_this_version() -> None:
    chart = read(CHART / 'Chart.yaml')
    assert (chart['version'], chart['appVersion']) == (vaurien.__version__, vaurien.__version__)


def test_the_schema_of_the_chart_knows_all_of_its_values() -> None:
    assert set(read(CHART / 'values.yaml')) | {'global'} == set(read(CHART / 'values.schema.json')['properties'])


def test_the_example_of_the_chart_is_a_configuration(tmp_path: Path) -> None:
    lines = (CHART / 'values.yaml').read_text().partition('proxies: {}\n')[2].partition('\n\n')[0]
    proxies = yaml.safe_load(lines.replace('#', ''))
    file = tmp_path / 'vaurien.yaml'
    made = {name: {'proxy': f'0.0.0.0:{proxy.pop("port")}', **proxy} for name, proxy in proxies.items()}
    file.write_text(yaml.safe_dump({'proxy': made}))
    (proxy,) = parse(['--server', f'--config={file}']).settings.each_proxy
    assert (proxy.proxy.port, proxy.protocol, len(proxy.behaviors)) == (6379, 'redis', 2)


def test_what_systemd_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = (DEPLOY / 'systemd' / 'vaurien.service').read_text()
    command = next(line for line in unit.splitlines() if line.startswith('ExecStart='))
    monkeypatch.chdir(tmp_path)
    Path('vaurien.toml').write_text('[proxy.redis]\nbackend = "localhost:6379"\nproxy = "localhost:0"\n')
    words = shlex.split(command.replace('/etc/vaurien/', ''))
    assert words[0] == 'ExecStart=/opt/vaurien/bin/vaurien'
    assert parse(words[1:]).settings.proxies
