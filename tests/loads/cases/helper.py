"""A module that tests import from beside them."""

WORD = 'from the helper'
