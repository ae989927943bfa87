"""``from loads.case import TestCase``, as tests for Loads have it."""

from vaurien.loads.case import TestCase

__all__ = ['TestCase']
