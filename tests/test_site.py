"""The site of the documentation has every page in its menu, and `make site` would find what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import yaml

from docs.site.check import find_mistakes
from docs.site.openapi import describe_api
from docs.site.outside import move_links, read_outside
from docs.terminal import END, PICTURE, Line, draw

ROOT = Path(__file__).parent.parent
SVG = '{http://www.w3.org/2000/svg}'
#: The pages that `docs.site.hooks` makes.
MADE = {'changelog.md', 'contributing.md', 'openapi.md', 'python.md'}


def list_pages(menu: Any) -> Iterator[str]:
    """Yield the pages of a menu and of those below it."""
    if isinstance(menu, str):
        yield menu
        return
    for entry in menu.values() if isinstance(menu, dict) else menu:
        yield from list_pages(entry)


def test_every_page_is_in_the_menu_once() -> None:
    pages = list(list_pages(yaml.safe_load((ROOT / 'mkdocs.yml').read_text())['nav']))
    docs = ROOT / 'docs'
    assert sorted(pages) == sorted({path.relative_to(docs).as_posix() for path in docs.rglob('*.md')} | MADE)


def test_what_is_outside_of_docs_has_pages_and_links_lead_there() -> None:
    pages = {page: (source, text) for source, page, text in read_outside()}
    recipe = 'examples/recipes/test_flask.py'
    source, text = pages[f'{recipe}.md']
    assert source == Path(recipe)
    assert (ROOT / recipe).read_text() in text
    assert '[test_flask.py](test_flask.py)' in pages['examples/recipes/README.md'][1]
    links = f'[a](../{recipe}) [b](../examples/recipes) [c](tls.md#d) [e](../CHANGELOG.md#f) [g](https://h.example/i)'
    assert move_links(links, 'pytest.md', Path('docs/pytest.md')) == (
        f'[a]({recipe}.md) [b](examples/recipes/README.md) [c](tls.md#d) [e](changelog.md#f) [g](https://h.example/i)'
    )
    assert move_links('[a](docs/tls.md#b)', 'changelog.md', Path('CHANGELOG.md')) == '[a](tls.md#b)'


def test_mistakes_of_a_site_are_found(tmp_path: Path) -> None:
    (tmp_path / 'howto').mkdir()
    (tmp_path / 'index.html').write_text(
        '<link rel="stylesheet" href="howto/style.css"><a href="howto/#there"></a><a href="howto/#nowhere"></a>'
        '<a href="https://else.example/"></a><script src="https://else.example/x.js"></script>'
    )
    (tmp_path / 'howto' / 'index.html').write_text('<h1 id="there"></h1><a href="../gone/"></a><img src="../a.svg">')
    (tmp_path / 'howto' / 'style.css').touch()
    assert set(find_mistakes(tmp_path)) == {
        'index.html links to howto/#nowhere, where there is no such anchor',
        'index.html loads https://else.example/x.js from another host',
        'howto/index.html links to ../gone/, which is not there',
        'howto/index.html links to ../a.svg, which is not there',
    }


def test_the_page_of_the_control_api_has_its_operations_and_their_objects() -> None:
    page = describe_api()
    operation = page.partition('### `PUT /proxies/{name}/behavior`')[2].partition('\n### ')[0]
    assert 'Arm other rules.' in operation
    assert '| `name` | path | text' in operation
    assert '[arm_delay](#arm_delay)' in operation
    assert '| 409 | Conflict |' not in operation
    assert '| 200 | OK | [Done](#done) (application/json) |' in operation
    assert '| `sleep` |' in page.partition('### arm_delay\n')[2].partition('\n### ')[0]


def test_each_line_of_the_moving_picture_appears_at_its_time() -> None:
    document = draw([Line(0, 0, '$ vaurien'), Line(1, 1, '$ redis-cli'), Line(END, 1, '(error) <ERR>')])
    texts = {element.text: element.get('class') for element in ElementTree.fromstring(document).iter(f'{SVG}text')}
    assert texts['$ vaurien'] == 'entered'
    assert texts['(error) <ERR>'] == 'fault s1'
    assert '@keyframes s1 { 0% { opacity: 0 } 50.00%, 100% { opacity: 1 } }' in document


def test_the_moving_picture_is_there_in_words() -> None:
    summary = ElementTree.parse(PICTURE).getroot().findtext(f'{SVG}desc')
    for page, path in (('README.md', 'docs/images/terminal.svg'), ('docs/five-minutes.md', 'images/terminal.svg')):
        assert f'![{summary}]({path})' in (ROOT / page).read_text().replace('\n', ' ')
