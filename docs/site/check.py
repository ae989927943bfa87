"""Check the site as it was built: each link leads to something that is there, and nothing comes from another host."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Scan(HTMLParser):
    """What a page links to, what it loads, and what can be linked to on it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = {''}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag says."""
        given = {name: value or '' for name, value in attrs}
        self.anchors |= {given[name] for name in ('id', 'name') if name in given}
        if tag == 'a' and 'href' in given:
            self.links.append(given['href'])
        if tag == 'link' and 'href' in given and given.get('rel') not in ('canonical', 'next', 'prev'):
            self.loads.append(given['href'])
        if tag != 'a' and 'src' in given:
            self.loads.append(given['src'])


def find_mistakes(site: Path) -> Iterator[str]:
    """Yield what is wrong with the site in this folder, in words."""
    pages = {page: Scan(page.read_text()) for page in sorted(site.rglob('*.html'))}
    for page, scan in pages.items():
        name = page.relative_to(site)
        yield from (f'{name} loads {url} from another host' for url in scan.loads if urlsplit(url).netloc)
        for url in scan.links + scan.loads:
            parts = urlsplit(url)
            if parts.scheme or parts.netloc or page.name == '404.html':
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            target = target / 'index.html' if target.is_dir() else target
            if not target.exists():
                yield f'{name} links to {url}, which is not there'
            elif target in pages and unquote(parts.fragment) not in pages[target].anchors:
                yield f'{name} links to {url}, where there is no such anchor'
