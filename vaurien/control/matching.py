"""The responder of ``/match``: which requests a pattern fits, before a rule with it is armed."""

from __future__ import annotations

from typing import Annotated, Any

import falcon
from msgspec import Meta

from vaurien.control.answers import MatchAnswer
from vaurien.engine.turns import get_turns, pausing
from vaurien.errors import ConfigError, OptionError
from vaurien.framing.head import TEXT_MAX
from vaurien.plugins.options import convert, did_you_mean
from vaurien.rules.match import Pattern
from vaurien.web.body import read_object, send

#: The most requests of a body, and the most bytes that they take: a text has up to `TEXT_MAX` characters,
#: each of which takes up to six where JSON escapes it.
MAX_REQUESTS = 500
MAX_BODY = 1024 * 1024
#: A body, for errors to show.
EXAMPLE = '{"match": "GET /orders*", "requests": ["GET /orders/7"]}'

Requests = Annotated[list[Annotated[str, Meta(max_length=TEXT_MAX)]], Meta(max_length=MAX_REQUESTS)]
#: The fields of a body.
FIELDS = {'match': Pattern, 'requests': Requests}


class MatchResource:
    """Tries patterns. Nothing is armed, and no proxy is asked."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Try a pattern."""
        body = read_object(req, resp, EXAMPLE, MAX_BODY)
        for key in body:
            if key not in FIELDS:
                raise ConfigError(f'there is no such field, {did_you_mean(key, list(FIELDS))}', key)
        pattern: Pattern = _take(body, 'match')
        requests: list[str] = _take(body, 'requests')
        answer = MatchAnswer(matches=[pattern.matches(text) for text in pausing(requests, get_turns().begin())])
        send(resp, answer)


def _take(body: dict[str, Any], key: str) -> Any:
    if key not in body:
        raise ConfigError('missing', key)
    try:
        return convert(body[key], FIELDS[key])
    except OptionError as error:
        raise error.within(key) from None
