"""Bodies of requests: what is read, and what is rejected."""

from __future__ import annotations

import io
from typing import Any

import falcon
import pytest
from falcon.testing import create_environ

from vaurien.errors import ConfigError
from vaurien.web.body import MAX_OBJECT, read_bytes, read_object

EXAMPLE = '{"name": "delay"}'


class BrokenStream(io.BytesIO):
    """A body that is cut off."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise ConnectionResetError


def make_request(body: bytes | io.BytesIO) -> falcon.Request:
    environ = create_environ(method='PUT', host='localhost', headers={'Content-Type': 'text/plain'})
    environ['wsgi.input'] = io.BytesIO(body) if isinstance(body, bytes) else body
    return falcon.Request(environ)


@pytest.mark.parametrize('body', [b'', b'x' * 10])
def test_reads_as_much_as_it_may(body: bytes) -> None:
    assert read_bytes(make_request(body), falcon.Response(), 10) == body


def test_a_longer_body_is_too_large() -> None:
    with pytest.raises(falcon.HTTPContentTooLarge) as caught:
        read_bytes(make_request(b'x' * 11), falcon.Response(), 10)
    assert caught.value.description == 'more than 10 bytes'


def test_a_body_that_is_cut_off_ends_the_connection() -> None:
    response = falcon.Response()
    with pytest.raises(ConfigError, match='the body did not arrive whole'):
        read_bytes(make_request(BrokenStream()), response, 10)
    assert response.get_header('Connection') == 'close'


@pytest.mark.parametrize('body', [{}, {'name': 'delay', 'sleep': 0.5}, {'name': 'x' * (MAX_OBJECT - 20)}])
def test_reads_an_object_of_any_content_type(body: dict[str, Any]) -> None:
    request = make_request(falcon.media.JSONHandler().serialize(body, 'application/json'))
    assert read_object(request, falcon.Response(), EXAMPLE) == body


@pytest.mark.parametrize(
    ('body', 'text'),
    [
        (b'', 'expected a JSON object: '),
        (b'{', 'expected a JSON object: '),
        (b'\xff', 'expected a JSON object: '),
        (b'{"name": "\xff"}', 'expected a JSON object: '),
        (b'[]', f'expected a JSON object, such as {EXAMPLE}'),
        (b'"delay"', f'expected a JSON object, such as {EXAMPLE}'),
        (b'null', f'expected a JSON object, such as {EXAMPLE}'),
        (b'[' * 50_000, 'nested too deeply'),
    ],
    ids=repr,
)
def test_anything_else_is_rejected(body: bytes, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_object(make_request(body), falcon.Response(), EXAMPLE)
    assert str(caught.value).startswith(text)


def test_an_object_that_is_too_large() -> None:
    with pytest.raises(falcon.HTTPContentTooLarge):
        read_object(make_request(b' ' * (MAX_OBJECT + 1)), falcon.Response(), EXAMPLE)
