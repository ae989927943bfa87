"""JSON as Go reads and writes it."""

from __future__ import annotations

import json
import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from vaurien.errors import ConfigError
from vaurien.toxiproxy import gojson


class Thing(msgspec.Struct):
    name: str = ''
    count: int | None = None
    share: float = 0.5
    more: dict[str, Any] = msgspec.field(default_factory=dict)


@pytest.mark.parametrize(
    ('text', 'thing'),
    [
        ('{}', Thing()),
        ('null', Thing()),
        (' \t\r\n{"name":"a"}', Thing('a')),
        ('{"NAME":"a","Count":2}', Thing('a', 2)),
        ('{"name":"a","NAME":"b"}', Thing('b')),
        ('{"name":null,"count":null,"share":null,"more":null}', Thing()),
        ('{"name":"a"}{"name":"b"} and so on', Thing('a')),
        ('{"other":[1,{"x":2}],"name":"a"}', Thing('a')),
        ('{"more":{"A":null,"a":1.5}}', Thing(more={'A': None, 'a': 1.5})),
        ('{"share":1}', Thing(share=1.0)),
        ('{"other":' + '9' * 10_000 + '}', Thing()),
        ('{"name":"\\ud83d\\ude00"}', Thing('😀')),
        ('{"name":"\\ud83d"}', Thing('\ufffd')),
        ('{"name":"\\ude00\\ud83d"}', Thing('\ufffd\ufffd')),
        ('{"name":"\\ud83d\\ud83d\\ude00\\\\ud83d"}', Thing('\ufffd😀\\ud83d')),
        ('{"\\ud83d":1}', Thing()),
    ],
)
def test_what_is_read(text: str, thing: Thing) -> None:
    assert gojson.read(text.encode(), Thing) == thing


def test_bytes_that_are_no_utf_8() -> None:
    assert gojson.read(b'{"name":"a\xff\xc3"}', Thing) == Thing('a\ufffd\ufffd')


@pytest.mark.parametrize(('text', 'things'), [('null', []), ('[]', []), ('[{"Name":"a"},null]', [Thing('a'), Thing()])])
def test_lists(text: str, things: list[Thing]) -> None:
    assert gojson.read(text.encode(), list[Thing]) == things


@pytest.mark.parametrize(
    ('data', 'said'),
    [
        (b'', 'EOF'),
        (b' \n', 'EOF'),
        (b'{', 'unexpected EOF'),
        (b'{"name": ', 'unexpected EOF'),
        (b'{"name": "a', 'unexpected EOF'),
        (b'{"name"', 'unexpected EOF'),
        (b'{"name":"a",', 'unexpected EOF'),
        (b'{"count":-', 'unexpected EOF'),
        (b'{"more": nul', 'unexpected EOF'),
        (b'[{}', 'unexpected EOF'),
        (b'{"count":1 t', "Expecting ',' delimiter"),
        (b'hello', 'Expecting value'),
        (b"{'name':1}", 'Expecting property name'),
        (b'\xef\xbb\xbf{}', 'Expecting value'),
        (b'\xff{}', 'Expecting value'),
        (b'{"name":"\n"}', 'Invalid control character'),
        (b'{"share":NaN}', 'NaN is not JSON'),
        (b'{"share":-Infinity}', '-Infinity is not JSON'),
        (b'[' * 100_000, 'nested too deeply'),
        (b'[]', 'Expected `object`, got `array`'),
        (b'{"name":1}', 'Expected `str`, got `int` - at `$.name`'),
        (b'{"count":1.5}', 'Expected `int | null`, got `float` - at `$.count`'),
        (b'{"count":' + b'9' * 30 + b'}', 'Expected `int | null`, got `float` - at `$.count`'),
        (b'{"more":[]}', 'Expected `object`, got `array` - at `$.more`'),
    ],
)
def test_what_cannot_be_read(data: bytes, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        gojson.read(data, Thing)
    assert str(caught.value).startswith(said)


@given(
    st.binary(max_size=60) | st.text('{}[]":,\\ud8cfe0 \ud800', max_size=40).map(lambda s: s.encode(errors='replace'))
)
def test_nothing_else_is_raised(data: bytes) -> None:
    for type_ in (Thing, list[Thing]):
        try:
            gojson.write(msgspec.to_builtins(gojson.read(data, type_))).encode()
        except ConfigError as error:
            str(error).encode()


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(values)
def test_what_is_written_is_json_and_no_html(value: Any) -> None:
    text = gojson.write(value)
    assert json.loads(text) == value
    assert not set('<>&\u2028\u2029') & set(text)


def test_how_it_is_written() -> None:
    assert gojson.write({'a': [1, 'é<>&', True, None]}) == '{"a":[1,"é\\u003c\\u003e\\u0026",true,null]}'


@pytest.mark.parametrize(
    ('value', 'number'), [(1.0, '1'), (0.0, '0'), (-2.0, '-2'), (1.5, '1.5'), (1e20, '1' + '0' * 20), (1e21, '1e+21')]
)
def test_numbers_without_a_fraction(value: float, number: str) -> None:
    assert json.dumps(gojson.as_number(value)) == number


@pytest.mark.parametrize(
    ('value', 'number'),
    [
        (1e-4, '0.0001'),
        (1.5e-5, '0.000015'),
        (-1e-6, '-0.000001'),
        (9.5e-7, '9.5e-7'),
        (1e-12, '1e-12'),
        (1e-100, '1e-100'),
    ],
)
def test_small_numbers(value: float, number: str) -> None:
    assert gojson.write({'a': [value]}) == f'{{"a":[{number}]}}'


def test_other_values_are_no_numbers() -> None:
    for value in (True, 'a', None, 7):
        assert gojson.as_number(value) is value


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_the_shortest_decimal_of_32_bits_stands_for_the_same(value: float) -> None:
    short = gojson.as_float32(value)
    assert struct.pack('<f', short) == struct.pack('<f', value)
    assert len(repr(short)) <= len(repr(value))
    assert gojson.as_float32(short) == short


@pytest.mark.parametrize('value', [3.5e38, -3.5e38, 1e300, float('inf'), float('nan')])
def test_what_does_not_fit_into_32_bits(value: float) -> None:
    with pytest.raises(ConfigError, match='is too large'):
        gojson.as_float32(value)
