"""The answer to every error: one table, in Vaurien's own form, or in Toxiproxy's at the paths where that is spoken."""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

import falcon
import msgspec

from vaurien.control.answers import ErrorAnswer, Location
from vaurien.control.api import ROUTES
from vaurien.errors import (
    AmbiguousProxyError,
    BusyError,
    ConfigError,
    NoJournalError,
    NoScheduleError,
    ParameterError,
    UnknownProxyError,
    WorkerError,
)
from vaurien.toxiproxy import error_responses as toxiproxy
from vaurien.toxiproxy.api import is_spoken_at

logger = logging.getLogger(__name__)


class Answer(NamedTuple):
    """The answer to an error: the HTTP status, what is wrong with the request, and a text in place of the error's."""

    status: str
    location: Location
    description: str = ''


#: Every error that the API answers. The nearest base class counts.
ANSWERS: dict[type[Exception], Answer] = {
    ConfigError: Answer(falcon.HTTP_400, 'body'),
    ParameterError: Answer(falcon.HTTP_400, 'query'),
    UnknownProxyError: Answer(falcon.HTTP_404, 'path'),
    NoJournalError: Answer(falcon.HTTP_404, 'path'),
    NoScheduleError: Answer(falcon.HTTP_404, 'path'),
    BusyError: Answer(falcon.HTTP_503, 'path'),
    AmbiguousProxyError: Answer(falcon.HTTP_409, 'path'),
    WorkerError: Answer(falcon.HTTP_503, 'path'),
    falcon.HTTPBadRequest: Answer(falcon.HTTP_400, 'method', 'no such method'),
    falcon.HTTPUnauthorized: Answer(falcon.HTTP_401, 'header'),
    falcon.HTTPForbidden: Answer(falcon.HTTP_403, 'header'),
    falcon.HTTPNotFound: Answer(falcon.HTTP_404, 'path', f'there are /{", /".join(ROUTES)}: see /openapi.json'),
    falcon.HTTPMethodNotAllowed: Answer(falcon.HTTP_405, 'method', 'not allowed here, see the header Allow'),
    falcon.HTTPContentTooLarge: Answer(falcon.HTTP_413, 'body'),
    Exception: Answer(falcon.HTTP_500, 'path', 'an error of the proxy itself: see its log'),
}


def find_answer(error: Exception) -> Answer:
    """Return the row of `ANSWERS` for an error."""
    return next(ANSWERS[base] for base in type(error).__mro__ if base in ANSWERS)


def encode_error(location: Location, name: str, description: str) -> bytes:
    """Return the body of an error response."""
    body: ErrorAnswer = {
        'status': 'error',
        'errors': [{'location': location, 'name': name, 'description': description}],
    }
    return msgspec.json.encode(body)


def respond(req: falcon.Request, resp: falcon.Response, error: Exception, params: dict[str, Any]) -> None:
    """Answer a request that raised *error*. This is an error handler of falcon."""
    answer = find_answer(error)
    if answer.status == falcon.HTTP_500:
        logger.error('%s %s failed', req.method, req.path, exc_info=error)
    resp.status = answer.status
    resp.set_headers(getattr(error, 'headers', None) or {})
    description = answer.description or getattr(error, 'description', '') or str(error)
    if is_spoken_at(req.path, ROUTES):
        toxiproxy.respond(resp, int(answer.status[:3]), description, is_about_method=answer.location == 'method')
        return
    names = {
        'body': getattr(error, 'path', ''),
        'header': getattr(error, 'title', ''),
        'method': req.method,
        'path': req.path,
        'query': getattr(error, 'path', ''),
    }
    resp.content_type = falcon.MEDIA_JSON
    resp.data = encode_error(answer.location, names[answer.location], description)
