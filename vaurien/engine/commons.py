"""What stages of toxics share beyond one link, for as long as any of them is there."""

from __future__ import annotations

from typing import Any
from weakref import WeakValueDictionary

from gevent.monkey import get_original

from vaurien.rules.toxics import ToxicRule


class Commons:
    """What the stages of each toxic share, by its type, its name and the stream."""

    def __init__(self) -> None:
        # Proxies of several threads share what is of the process.
        self._lock = get_original('_thread', 'allocate_lock')()
        self._shared: WeakValueDictionary[tuple[type, str, bool], Any] = WeakValueDictionary()

    def find(self, rule: ToxicRule, is_upstream: bool) -> Any:
        """Return what the stages of a toxic share on one stream of all links; a new one if there is no other stage."""
        key = rule.kind, rule.name, is_upstream
        with self._lock:
            shared = self._shared.get(key)
            if shared is None:
                shared = self._shared[key] = rule.kind.make_shared()
            return shared


#: What is shared by all proxies of the process, whatever thread they are on.
OF_PROCESS = Commons()
