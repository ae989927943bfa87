"""What can be done to an exchange, or to a connection. One file for each behavior.

- `dummy`: nothing; the base class of all others
- `delay`: an answer that comes late
- `dribble`: an answer that comes slowly
- `error`: an error of the protocol in place of the answer
- `transient`: errors for a while
- `hang`: an answer that never comes
- `hold`: a request that waits until somebody decides
- `blackout`: a connection that is gone
- `abort`: work that is done without an answer
- `malformed`: an answer whose form is wrong
- `certificate`: a certificate that something is wrong with
- `refuse`: a connection that is refused
- `connect_timeout`: a connection that is never established
- `slow_accept`: a connection that nobody looks after at first
- `unplug`: a cable that is pulled
"""

from vaurien.behaviors.dummy import Dummy
from vaurien.plugins.registry import Registry

#: Every behavior by name. ``Behavior.register(MyBehavior)`` adds one.
Behavior: Registry[Dummy] = Registry('behavior', 'vaurien.behaviors', Dummy, ('on_before_handle', 'on_after_handle'))

__all__ = ['Behavior']
