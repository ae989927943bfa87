"""Requests without what differs from run to run."""

from __future__ import annotations

import pytest
from hypothesis import example, given, strategies as st

from vaurien.explore.masking import MaskingHash
from vaurien.explore.model import Injection
from vaurien.framing.head import TEXT_MAX
from vaurien.framing.trials import Kind
from vaurien.rules.masking import mask
from vaurien.rules.match import Pattern

#: Texts as requests have them, with much of what is masked.
TEXTS = st.lists(
    st.one_of(
        st.text(st.characters(categories=['L', 'N', 'P', 'S', 'Zs']), max_size=8),
        st.sampled_from(
            [
                '/',
                '[',
                ']',
                '*',
                '?',
                ' ',
                'user:',
                'deadbeef1',
                '%20',
                '%C3%AF',
                r'\xc3',
                r'\xaf',
                '2026-11-28T20:17:02Z',
                'Σ',
            ]
        ),
        st.uuids().map(str),
        st.integers(0).map(str),
    ),
    max_size=12,
).map(lambda parts: ''.join(parts)[:TEXT_MAX])


@pytest.mark.parametrize(
    ('text', 'masked'),
    [
        ('GET /orders/17', 'GET /orders/*'),
        ('GET /orders/17/lines/2?page=3', 'GET /orders/*/lines/*?page=*'),
        ('SET user:6f1d2a3c-9d1b-4c57-8f3e-0a1b2c3d4e5f', 'SET user:*'),
        ('GET session:9f86d081884c7d65', 'GET session:*'),
        ('GET session:kJ8sdkQ0vX_b-3LmT9wZ', 'GET session:*'),
        ('GET /jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV', 'GET /jobs/*'),
        ('GET /days/2026-11-28', 'GET /days/*'),
        ('GET /since/2026-11-28T20:17:02.123+01:00/x', 'GET /since/*/x'),
        ('SELECT price * 1.19 FROM orders', 'SELECT price * * FROM orders'),
        ('SAVEPOINT sa_savepoint_1', 'SAVEPOINT sa_savepoint_*'),
        ('GET order17', 'GET order*'),
        ('GET facade', 'GET facade'),
        ('GET /a-page-with-a-long-name', 'GET /a-page-with-a-long-name'),
        ('GET a[b]', 'GET a?b]'),
        ('/api/', '/api?'),
        ('KEYS **', 'KEYS *'),
        (r'GET na\xc3\xafve:42', r'GET na\xc3\xafve:*'),
        (r'GET \xe4\xba\xac9f86d081884c7d65', r'GET \xe4\xba\xac*'),
        (r'GET key:\x00\x8f\x1a7', 'GET key:*'),
        ('GET /a%20b/17', 'GET /a%20b/*'),
        ('GET /%E4%BA%AC/17?at=2026-11-28T20%3A17%3A02', 'GET /%E4%BA%AC/*?at=*'),
        ('GET /keys/a%2F9f86d081884c7d65', 'GET /keys/a%2F*'),
        ('GET /blobs/%00%8F', 'GET /blobs/*'),
        ("SELECT name FROM items WHERE name LIKE '%42%'", "SELECT name FROM items WHERE name LIKE '%*%'"),
        (' GET a ', '*GET a*'),
        ('', '*'),
    ],
)
def test_what_differs_is_masked(text: str, masked: str) -> None:
    assert mask(text) == masked


@given(TEXTS)
@example('ΑΣdeadbeef1')
@example('\\x0aΣ')
@example('/a/')
def test_a_masked_text_is_a_pattern_that_the_text_matches(text: str) -> None:
    assert Pattern.parse(mask(text)).matches(text)


@given(TEXTS)
@example('/%20/')
def test_masking_again_changes_nothing(text: str) -> None:
    assert mask(mask(text)) == mask(text)


@given(TEXTS)
@example(' GET a #1 lost')
def test_a_fault_on_a_masked_text_is_read_as_it_was_written(text: str) -> None:
    injection = Injection(proxy='api', request=mask(text), nth=3, kind=Kind.LOST)
    assert Injection.parse(str(injection)) == injection


def test_a_text_that_was_cut_off_is_the_same_wherever_it_was() -> None:
    columns = ', '.join(['column'] * 40)
    short, long = (f'SELECT {number}, {columns}'[:TEXT_MAX] for number in (9, 10))
    assert short[-3:] != long[-3:]
    assert mask(short) == mask(long)


@given(st.binary(), st.integers(0, 100))
def test_a_hash_does_not_depend_on_chunks(data: bytes, cut: int) -> None:
    whole, parts = MaskingHash(), MaskingHash()
    whole.update(data)
    parts.update(data[:cut])
    parts.update(data[cut:])
    assert whole.hexdigest() == parts.hexdigest()


def test_a_hash_tells_requests_apart_but_not_by_their_identifiers() -> None:
    def hash_of(data: bytes) -> str:
        hasher = MaskingHash()
        hasher.update(data)
        return hasher.hexdigest()

    one = b'POST /charge HTTP/1.1\r\nX-Request-Id: 6f1d2a3c-9d1b-4c57-8f3e-0a1b2c3d4e5f\r\n\r\n{"id": 9, "item": "tea"}'
    same = (
        b'POST /charge HTTP/1.1\r\nX-Request-Id: 0a1b2c3d-4e5f-4c57-8f3e-6f1d2a3c9d1b\r\n\r\n{"id": 10, "item": "tea"}'
    )
    assert hash_of(one) == hash_of(same)
    assert hash_of(one) != hash_of(one.replace(b'tea', b'tin'))
