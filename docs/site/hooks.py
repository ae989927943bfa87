"""Have MkDocs add the generated pages, mend the links that lead out of docs/, and check the site: see mkdocs.yml."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File, InclusionLevel

from docs.site.check import find_mistakes
from docs.site.openapi import describe_api
from docs.site.outside import move_links, read_outside
from docs.site.python import list_names

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

#: A warning of this logger is a mistake where MkDocs is strict.
logger = logging.getLogger('mkdocs.hooks.vaurien')

#: The source of each page that is not in docs/, by where the page is.
sources: dict[str, Path] = {}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are generated, and what the pages link to outside of docs/."""
    pages = {'python.md': list_names(), 'openapi.md': describe_api()}
    for source, path, text in read_outside():
        sources[path], pages[path] = source, text
    for path, text in pages.items():
        files.append(File.generated(config, path, content=text, inclusion=InclusionLevel.NOT_IN_NAV))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Have links lead to where their targets are on the site."""
    path = page.file.src_uri
    return move_links(markdown, path, sources.get(path, Path('docs', path)))


def on_post_build(config: MkDocsConfig) -> None:
    """Report links that lead nowhere, and what a browser would get from another host."""
    for mistake in find_mistakes(Path(config.site_dir)):
        logger.warning(mistake)
