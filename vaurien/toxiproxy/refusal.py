"""How Toxiproxy says no: JSON that is called plain text, plain text, or nothing at all."""

from __future__ import annotations

from typing import Any

import falcon

from vaurien.errors import BrowserError, ToxiproxyError
from vaurien.toxiproxy import gojson

PLAIN = 'text/plain; charset=utf-8'


def answer_refusal(req: falcon.Request, resp: falcon.Response, refusal: ToxiproxyError, params: dict[str, Any]) -> None:
    """The error handler of falcon for a `ToxiproxyError`."""
    resp.status = refusal.status
    text = gojson.write({'error': refusal.text, 'status': refusal.status, **refusal.body})
    if refusal.body:
        resp.content_type, resp.text = falcon.MEDIA_JSON, text
    else:
        _answer_plain(resp, text)


def answer_browser(req: falcon.Request, resp: falcon.Response, refusal: BrowserError, params: dict[str, Any]) -> None:
    """The error handler of falcon for a `BrowserError`."""
    resp.status = falcon.HTTP_403
    _answer_plain(resp, 'User agent not allowed')


def answer_missing(resp: falcon.Response) -> None:
    """There is no such path."""
    resp.status = falcon.HTTP_404
    _answer_plain(resp, '404 page not found')


def answer_not_allowed(resp: falcon.Response) -> None:
    """There is, but not with that method."""
    resp.status = falcon.HTTP_405
    resp.delete_header('Allow')


def _answer_plain(resp: falcon.Response, text: str) -> None:
    resp.content_type, resp.text = PLAIN, f'{text}\n'
    resp.set_header('X-Content-Type-Options', 'nosniff')
