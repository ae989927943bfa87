"""The page of the control API: which files it is made of, what a browser may do with them, and to whom it is shown."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

import pytest
import requests

from tests.commands import Command, StartCommand
from tests.servers import TIMEOUT
from vaurien.control.page import HEADERS, LIBRARIES, PATH, list_paths, read_files

FOLDER = Path(__file__).parents[2] / 'vaurien' / 'control' / 'ui'


def get(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers=headers, timeout=TIMEOUT)


def test_every_file_is_served_with_its_type_and_the_policy(server: Command) -> None:
    types = {'html': 'text/html', 'css': 'text/css', 'js': 'text/javascript', 'mjs': 'text/javascript'}
    for path in list_paths():
        response = get(server.api + path)
        suffix = 'html' if path == PATH else path.rpartition('.')[2]
        assert response.status_code == 200
        assert response.headers['Content-Type'].startswith(types.get(suffix, 'image/svg+xml'))
        assert HEADERS.items() <= response.headers.items()
    assert get(f'{server.api}/ui').content == (FOLDER / 'index.html').read_bytes()


@pytest.mark.parametrize('path', ['no.js', '../page.py', '..%2fpage.py', 'lib/no.js', 'lib/README.md'])
def test_nothing_else_is(server: Command, path: str) -> None:
    assert get(f'{server.api}/ui/{path}').status_code == 404


def test_nothing_in_it_is_inline_or_from_elsewhere() -> None:
    files = {name: data.decode() for name, data in read_files().items() if not name.startswith(LIBRARIES)}
    page = files['index.html']
    assert not re.search(r'<style|<script(?! type="module" src="/ui/)|\son\w+=|\sstyle=', page)
    for name, text in files.items():
        assert not re.search(r'https?://(?!www\.w3\.org/2000/svg)', text), name
        imported = re.findall(r"from '([^']+)'", text)
        assert {f'{PATH}/{other}' for other in files} | list_paths() >= set(imported)


def test_libraries_are_those_that_are_listed() -> None:
    listed = dict(
        re.findall(r'^\| `([\w.]+)` .*`([0-9a-f]{64})` \|$', (FOLDER / LIBRARIES / 'README.md').read_text(), re.M)
    )
    served = {name.partition('/')[2]: data for name, data in read_files().items() if name.startswith(LIBRARIES)}
    assert listed == {name: sha256(data).hexdigest() for name, data in served.items()}


def test_what_is_ours_is_short() -> None:
    ours = [data for name, data in read_files().items() if not name.startswith(LIBRARIES)]
    assert sum(data.count(b'\n') for data in ours) < 2000


def test_it_is_served_without_the_token_but_not_to_other_sites(vaurien_command: StartCommand) -> None:
    command = vaurien_command('--server', '--api-token', 's3cret')
    for path in list_paths():
        assert get(command.api + path).status_code == 200
    for path in ('/uix', '/ui/no.js', '/status', '/ui/..%2fstatus', '/ui/'):
        assert get(command.api + path).status_code == 401
    assert get(f'{command.api}/ui', Host='evil.example').status_code == 403
    assert get(f'{command.api}/ui', **{'Sec-Fetch-Site': 'cross-site'}).status_code == 403


def test_the_page_may_use_the_api_of_toxiproxy(server: Command) -> None:
    browser = {'User-Agent': 'Mozilla/5.0'}
    assert get(f'{server.api}/proxies', **browser).status_code == 403
    assert get(f'{server.api}/proxies', **browser, **{'X-Vaurien-Page': '1'}).status_code == 200
