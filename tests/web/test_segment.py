from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given, strategies as st

from vaurien.errors import ConfigError
from vaurien.web.segment import MAX_NAME, check_name, quote_name


@given(
    st.text(st.characters(codec='utf-8', exclude_characters='/'), min_size=1, max_size=MAX_NAME).filter(
        lambda t: t.strip('.')
    )
)
def test_a_segment_is_unquoted_as_the_name(name: str) -> None:
    segment = quote_name(check_name(name))
    assert unquote(segment) == name
    assert not set(segment) & set('/?#; \r\n')


@pytest.mark.parametrize(
    ('name', 'said'),
    [
        ('', "'' does not fit into a URL"),
        ('.', "'.' does not fit into a URL"),
        ('..', "'..' does not fit into a URL"),
        ('a/b', "'a/b' does not fit into a URL"),
        ('a//b', "'a//b' does not fit into a URL"),
        ('/', "'/' does not fit into a URL"),
        ('x' * 10_000, 'expected at most 255 characters, got 10000'),
    ],
)
def test_names_to_which_no_path_leads(name: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_name(name)
    assert str(caught.value) == said
    with pytest.raises(ConfigError) as caught:
        quote_name(name)
    assert str(caught.value) == f'name: {said}'
