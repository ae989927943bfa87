"""A Locust user that runs the test again and again, exactly as often as it should."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, ClassVar, Protocol

from gevent import getcurrent
from locust import User
from locust.exception import StopUser

from vaurien.explore.model import Failure
from vaurien.loads.stats import Outcome

if TYPE_CHECKING:
    from locust.env import Environment


class Hits(Protocol):
    """What a user does; each user has an object of its own."""

    #: Why the last hit has not succeeded; None if it has.
    failure: Failure | None

    def run(self, number: int) -> Outcome:
        """Run the test for the *number*-th time, counted from 0. Raises the exception that ends the user."""

    def close(self) -> None:
        """Release what was kept from one hit to the next."""


class Owner(Protocol):
    """What a user needs of the process that it belongs to."""

    def next_user_number(self) -> int:
        """Return a number that no other user of this cycle has, on any agent."""

    def is_over(self, done: int) -> bool:
        """Return whether a user that has run the test *done* times may leave."""

    def make_hits(self, user: LoadsUser) -> Hits:
        """Return what *user* does."""

    def begin_hit(self, user: int) -> None:
        """Note that the user with this number begins a hit."""

    def end_hit(self, user: int, outcome: Outcome, seconds: float, failure: Failure | None) -> None:
        """Count a hit that came to its end."""

    def cut_hit(self, user: int) -> None:
        """Count a hit that was cut off."""


#: The name under which the greenlets of a user have it.
USER = 'vaurien.loads.user'


def current_user() -> LoadsUser | None:
    """Return the user whose code runs now: the test's own, or that of greenlets and threads that it has started.

    None is returned outside of any user. Context variables would not do: gevent starts greenlets with empty contexts.
    """
    user: LoadsUser | None = getattr(getcurrent(), 'spawn_tree_locals', {}).get(USER)
    return user


def one_hit(user: LoadsUser) -> None:
    """Run the test once; Locust calls it in a loop."""
    user.hit()


class LoadsUser(User):
    """A user, made anew for each cycle. `UserProcess` makes a subclass of it that has an owner."""

    abstract = True
    tasks = [one_hit]
    owner: ClassVar[Owner]

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.number = self.owner.next_user_number()
        self._done = 0
        self._hits: Hits | None = None

    def hit(self) -> None:
        """Run the test once more. Raises `StopUser` if this user has run it often enough."""
        owner = self.owner
        if owner.is_over(self._done):
            raise StopUser
        if self._hits is None:
            getcurrent().spawn_tree_locals = {USER: self}
            self._hits = owner.make_hits(self)
        number, self._done = self._done, self._done + 1
        owner.begin_hit(self.number)
        began = perf_counter()
        try:
            outcome = self._hits.run(number)
        except BaseException:
            owner.cut_hit(self.number)
            raise
        owner.end_hit(self.number, outcome, perf_counter() - began, self._hits.failure)

    def on_stop(self) -> None:
        if self._hits is not None:
            self._hits.close()
