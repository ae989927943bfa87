"""Take the picture of the dashboard for Grafana: a person has to start this one, where Prometheus and Grafana are.

python -m docs.dashboard docs/images/grafana.png

It runs both of them, and lets them look at a Vaurien with clients, backends and faults.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep
from typing import Any

import requests

from docs.picture import save
from tests import servers
from tests.browser import Browser
from tests.commands import Command
from tests.control.ui.stage import Stage, asking, write_config
from tests.servers import HOST, SEARCH_PATH, TIMEOUT, Server, command_path, free_port, running
from vaurien.console.output import fail

DASHBOARDS = Path(__file__).parent.parent / 'examples' / 'grafana'
#: What has to be on this machine. Debian has no package of Grafana; that of others is called `grafana`.
COMMANDS = 'prometheus', 'grafana', 'redis-server', 'nginx', 'chromium-headless-shell', 'chromedriver'
#: Where a package has what Grafana serves.
GRAFANA_HOME = Path('/usr/share/grafana')
#: Seconds that Grafana may take to begin, and that it has to draw what it shows.
START_TIMEOUT = 6 * TIMEOUT
DRAWING = 10

#: What is armed on which proxy of the stage, and for how many seconds that is to be seen.
FAULTS: list[tuple[str, dict[str, Any], int]] = [
    ('cache', {'behavior': "25:delay(sleep='lognormal(p50=120ms, p99=600ms)')"}, 40),
    ('shop', {'behavior': '10:error,10:delay(sleep=50ms)'}, 40),
    ('shop', {'behavior': 'dummy'}, 20),
]
SECONDS = sum(seconds for _, _, seconds in FAULTS)
#: What stands in the queries of the dashboard, and what Grafana would put in its place.
VARIABLES = {'$proxy': '.*', '$job': '.*', '$__rate_interval': '20s', '$__range': f'{SECONDS}s'}

#: The pixels of a row of panels with what is between two of them, and of what is above all.
ROW = 38
HEAD = 120

DATASOURCE = """
apiVersion: 1
datasources: [{{name: Prometheus, type: prometheus, url: '{url}', isDefault: true, jsonData: {{timeInterval: 1s}}}}]
"""
PROVIDER = """
apiVersion: 1
providers: [{{name: vaurien, type: file, options: {{path: '{folder}'}}}}]
"""


def main(words: Sequence[str]) -> int:
    """Write the picture to the file that is named, and return the exit status."""
    if len(words) != 1:
        return fail('docs.dashboard', 'name one file for the picture', 2)
    missing = [name for name in COMMANDS if shutil.which(name, path=SEARCH_PATH) is None]
    if missing:
        return fail('docs.dashboard', f'not on this machine: {", ".join(missing)}', 2)
    dashboard = json.loads((DASHBOARDS / 'vaurien.json').read_text())
    with TemporaryDirectory() as temporary, ExitStack() as stack:
        folder = Path(temporary)
        stage = stack.enter_context(_play(folder))
        prometheus = stack.enter_context(
            servers.prometheus(_make(folder / 'prometheus'), stage.api.removeprefix('http://'), '1s')
        )
        grafana = stack.enter_context(_run_grafana(folder, prometheus))
        for name, rules, seconds in FAULTS:
            stage.arm(name, rules)
            sleep(seconds)
        empty = list(find_empty(dashboard, prometheus))
        if empty:
            return fail('docs.dashboard', f'nothing is seen of {", ".join(empty)}', 1)
        rows = max(panel['gridPos']['y'] + panel['gridPos']['h'] for panel in dashboard['panels'])
        with Browser() as browser:
            url = f'{grafana.url}/d/{dashboard["uid"]}?kiosk&theme=light&from=now-{SECONDS}s&to=now'
            browser.open(url, width=1280, height=ROW * rows + HEAD)
            sleep(DRAWING)
            save(browser.photograph(), Path(words[0]))
    return 0


@contextmanager
def _play(folder: Path) -> Iterator[Stage]:
    """Have proxies, backends and clients."""
    with ExitStack() as stack:
        redis = stack.enter_context(servers.redis(_make(folder / 'redis')))
        nginx = stack.enter_context(servers.nginx(_make(folder / 'nginx')))
        config = folder / 'vaurien.ini'
        config.write_text(write_config(redis, nginx))
        command = Command('--server', '--config', str(config))
        stack.callback(command.kill)
        stage = Stage(command)
        stack.enter_context(asking(stage))
        yield stage


@contextmanager
def _run_grafana(folder: Path, prometheus: Server) -> Iterator[Server]:
    port, command = free_port(), command_path('grafana')
    provisioning = folder / 'provisioning'
    (_make(provisioning / 'datasources') / 'prometheus.yaml').write_text(DATASOURCE.format(url=prometheus.url))
    (_make(provisioning / 'dashboards') / 'vaurien.yaml').write_text(PROVIDER.format(folder=DASHBOARDS))
    unpacked = Path(command).resolve().parent.parent
    settings = {
        'server.http_addr': HOST,
        'server.http_port': port,
        'paths.data': folder / 'grafana',
        'paths.logs': folder / 'grafana',
        'paths.plugins': folder / 'grafana' / 'plugins',
        'paths.provisioning': provisioning,
        'auth.anonymous.enabled': 'true',
        'analytics.reporting_enabled': 'false',
        'analytics.check_for_updates': 'false',
        'analytics.check_for_plugin_updates': 'false',
        'plugins.preinstall_disabled': 'true',
    }
    flags = ['--homepath', str(unpacked if (unpacked / 'conf').is_dir() else GRAFANA_HOME)]
    flags += [f'cfg:{name}={value}' for name, value in settings.items()]
    with running([command, 'server', *flags], port, folder, timeout=START_TIMEOUT) as server:
        yield server


def find_empty(dashboard: Any, prometheus: Server) -> Iterator[str]:
    """Yield the title of each panel with a query to which Prometheus has no answer."""
    for panel in dashboard['panels']:
        for target in panel['targets']:
            query = target['expr']
            for name, value in VARIABLES.items():
                query = query.replace(name, value)
            answer = requests.get(f'{prometheus.url}/api/v1/query', params={'query': query}, timeout=TIMEOUT).json()
            if answer['status'] != 'success' or not answer['data']['result']:
                yield panel['title']
                break


def _make(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
