"""Reading the bodies of requests, up to a limit, and answering with JSON."""

from __future__ import annotations

from typing import Any

import falcon
import msgspec

from vaurien.errors import ConfigError

#: The most bytes of a JSON object: far more than all options of all behaviors take. For comparison, nginx keeps up to
#: 16 KiB of a body in memory (`client_body_buffer_size`).
MAX_OBJECT = 64 * 1024


def read_bytes(req: falcon.Request, resp: falcon.Response, most: int) -> bytes:
    """Return the body of a request.

    Raise `ConfigError` if it does not arrive whole, and `falcon.HTTPContentTooLarge` if it has more than *most* bytes.
    """
    try:
        body: bytes = req.stream.read(most + 1)
    except OSError:  # the body is cut off, too slow or in malformed chunks: where the next request begins is unknown
        resp.set_header('Connection', 'close')
        raise ConfigError('the body did not arrive whole') from None
    if len(body) > most:
        raise falcon.HTTPContentTooLarge(description=f'more than {most} bytes')
    return body


def read_object(req: falcon.Request, resp: falcon.Response, example: str, most: int = MAX_OBJECT) -> dict[str, Any]:
    """Return the JSON object in the body of a request, whatever its ``Content-Type`` is. Errors show *example*.

    Raise `ConfigError` if it is not one, and `falcon.HTTPContentTooLarge` if it has more than *most* bytes.
    """
    body = read_bytes(req, resp, most)
    try:
        value = msgspec.json.decode(body)
    except RecursionError:
        raise ConfigError('nested too deeply') from None
    except (msgspec.DecodeError, ValueError) as error:  # before msgspec 0.21 a DecodeError is no ValueError
        raise ConfigError(f'expected a JSON object: {error}') from None
    if not isinstance(value, dict):
        raise ConfigError(f'expected a JSON object, such as {example}')
    return value


def send(resp: falcon.Response, value: Any) -> None:
    """Answer with *value* as JSON."""
    resp.content_type, resp.data = falcon.MEDIA_JSON, msgspec.json.encode(value, enc_hook=str)
