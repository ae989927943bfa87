"""Regular expressions that most processes never use."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import AnyStr, Generic


class LatePattern(Generic[AnyStr]):
    """A regular expression that is compiled when it is first used: to compile a long one takes a millisecond.

    From then on its methods are those of the compiled pattern.
    """

    def __init__(self, pattern: AnyStr, flags: int = 0) -> None:
        self._pattern: AnyStr = pattern
        self._flags = flags

    @cached_property
    def match(self) -> Callable[..., re.Match[AnyStr] | None]:
        """See `re.Pattern.match`."""
        return self._compile().match

    @cached_property
    def fullmatch(self) -> Callable[..., re.Match[AnyStr] | None]:
        """See `re.Pattern.fullmatch`."""
        return self._compile().fullmatch

    def _compile(self) -> re.Pattern[AnyStr]:
        return re.compile(self._pattern, self._flags)
