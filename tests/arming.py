"""What is armed, as the tests write it."""

from __future__ import annotations

#: The options that every behavior has, as they are where nothing is aimed.
UNAIMED = {'match': None, 'nth': None, 'times': None}
