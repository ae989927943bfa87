"""The bodies of requests, read to their end and no further than a limit."""

from __future__ import annotations

from typing import Any

import falcon
import msgspec

from vaurien.errors import ConfigError

#: The most bytes of a JSON object: far above all options of all behaviors together. nginx keeps up to 16 KiB of a
#: body in memory (`client_body_buffer_size`).
MAX_OBJECT = 64 * 1024


def read_bytes(req: falcon.Request, resp: falcon.Response, most: int) -> bytes:
    """What a request carries.

    Raises `ConfigError` if it does not arrive whole, and `falcon.HTTPContentTooLarge` past *most* bytes.
    """
    try:
        body: bytes = req.stream.read(most + 1)
    except OSError:  # cut off, too slow, or chunks that are none: where the next request starts is unknown
        resp.set_header('Connection', 'close')
        raise ConfigError('the body did not arrive whole') from None
    if len(body) > most:
        raise falcon.HTTPContentTooLarge(description=f'more than {most} bytes')
    return body


def read_object(req: falcon.Request, resp: falcon.Response, example: str) -> dict[str, Any]:
    """The JSON object that a request carries, whatever type it says it is; one such as *example*.

    Raises `ConfigError`, and `falcon.HTTPContentTooLarge` past `MAX_OBJECT`.
    """
    body = read_bytes(req, resp, MAX_OBJECT)
    try:
        value = msgspec.json.decode(body)
    except RecursionError:
        raise ConfigError('nested too deeply') from None
    except (msgspec.DecodeError, ValueError) as error:  # before msgspec 0.21 the one is not the other
        raise ConfigError(f'expected a JSON object: {error}') from None
    if not isinstance(value, dict):
        raise ConfigError(f'expected a JSON object, such as {example}')
    return value
