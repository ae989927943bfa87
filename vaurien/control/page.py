"""The responders of ``/ui``: the page to watch and steer the proxies. It is made of files of the package.

What the page shows and does it asks the control API for, as anybody may. Its files have no secret, and a browser that
opens a page cannot send a token: so they are served without one.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import falcon

#: Where the page is.
PATH = '/ui'
#: The folder of the libraries that it uses, which are those of others: see the file README.md in it.
LIBRARIES = 'lib'

#: The types of its files, by their suffixes.
TYPES = {
    'css': 'text/css; charset=utf-8',
    'html': 'text/html; charset=utf-8',
    'js': 'text/javascript; charset=utf-8',
    'mjs': 'text/javascript; charset=utf-8',
    'svg': 'image/svg+xml',
}

#: Nothing comes from another host, nothing runs that is not in one of the files, and no other page shows this one.
HEADERS = {
    'Content-Security-Policy': "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    # Another version of Vaurien may serve the next one.
    'Cache-Control': 'no-store',
}


@cache
def read_files() -> dict[str, bytes]:
    """Return every file of the page, by its path below `PATH`."""
    ours = files('vaurien.control') / 'ui'
    folders = [('', ours), (f'{LIBRARIES}/', ours / LIBRARIES)]
    return {
        prefix + file.name: file.read_bytes()
        for prefix, folder in folders
        for file in folder.iterdir()
        if file.name.rpartition('.')[2] in TYPES
    }


def list_paths() -> set[str]:
    """Return the paths at which the page and its files are."""
    return {PATH, *(f'{PATH}/{name}' for name in read_files())}


class PageResource:
    """The page and its files."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Get the page."""
        _send(resp, 'index.html')

    def on_get_file(self, req: falcon.Request, resp: falcon.Response, file: str) -> None:
        """Get a file of the page."""
        _send(resp, file)

    def on_get_library(self, req: falcon.Request, resp: falcon.Response, file: str) -> None:
        """Get a library of the page."""
        _send(resp, f'{LIBRARIES}/{file}')


def _send(resp: falcon.Response, name: str) -> None:
    if name not in read_files():
        raise falcon.HTTPNotFound
    resp.content_type, resp.data = TYPES[name.rpartition('.')[2]], read_files()[name]
    resp.set_headers(HEADERS)
