"""Fuzzing of the compiled framers, which agree with both ways of their protocols or are unsure.

Run with ``make fuzz``. ``make native-check`` runs it with sanitizers of addresses and of undefined behavior: each chunk
ends where its memory does.
"""

from __future__ import annotations

from tests.native.test_framing import (
    test_no_other_byte_makes_the_ways_disagree,
    test_the_compiled_way_agrees_on_anything,
    test_the_compiled_way_agrees_on_what_is_ordinary_wherever_it_is_cut,
)

__all__ = [
    'test_no_other_byte_makes_the_ways_disagree',
    'test_the_compiled_way_agrees_on_anything',
    'test_the_compiled_way_agrees_on_what_is_ordinary_wherever_it_is_cut',
]
