"""What is changed of a proxy, and who does it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Literal

#: What of a proxy was changed; ``proxy`` is all of it, for it is new, another one, or gone.
What = Literal['behavior', 'toxic', 'enabled', 'backend', 'listen', 'proxy']

#: Who has changed it: a request to the API, a schedule, the end of the time that a rule was armed for, or the process
#: itself, such as when it reads its files again.
Origin = Literal['api', 'schedule', 'time', 'process']

#: Who does what the running greenlet does.
ORIGIN: ContextVar[Origin] = ContextVar('origin', default='process')
