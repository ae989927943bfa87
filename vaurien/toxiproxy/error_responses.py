"""Errors as Toxiproxy answers them: JSON that is called plain text, plain text, or no body at all.

This is what ``http.Error`` of Go and Toxiproxy's router write; clients of every language parse it so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import falcon

from vaurien.errors import BrowserError, ToxiproxyError
from vaurien.toxiproxy import gojson

PLAIN = 'text/plain; charset=utf-8'


def respond(resp: falcon.Response, status: int, text: str, *, is_about_method: bool) -> None:
    """Answer a request that reached no responder of Toxiproxy's."""
    resp.status = status
    if is_about_method:
        resp.status = falcon.HTTP_405
        resp.delete_header('Allow')  # Toxiproxy's router sends neither this header nor a body
    elif status == 404:
        _send_plain(resp, '404 page not found')
    else:
        _send_plain(resp, gojson.write({'error': text, 'status': status}))


def _respond_to_error(
    req: falcon.Request, resp: falcon.Response, error: ToxiproxyError, params: dict[str, Any]
) -> None:
    resp.status = error.status
    text = gojson.write_object([('error', error.text), ('status', error.status), *error.body.items()])
    if error.body:
        resp.content_type, resp.text = falcon.MEDIA_JSON, text
    else:
        _send_plain(resp, text)


def _respond_to_browser(
    req: falcon.Request, resp: falcon.Response, error: BrowserError, params: dict[str, Any]
) -> None:
    resp.status = falcon.HTTP_403
    _send_plain(resp, 'User agent not allowed')


def _send_plain(resp: falcon.Response, text: str) -> None:
    resp.content_type, resp.text = PLAIN, f'{text}\n'
    resp.set_header('X-Content-Type-Options', 'nosniff')


#: The error handlers of falcon, by error.
HANDLERS: dict[type[Exception], Callable[..., None]] = {
    ToxiproxyError: _respond_to_error,
    BrowserError: _respond_to_browser,
}
