"""A Locust user that runs the test again and again, exactly as often as it should."""

from __future__ import annotations

from contextvars import ContextVar
from time import perf_counter
from typing import TYPE_CHECKING, ClassVar, Protocol

from locust import User
from locust.exception import StopUser

from vaurien.loads.stats import Outcome

if TYPE_CHECKING:
    from locust.env import Environment

    from vaurien.loads.users.process import Process


class Hits(Protocol):
    """What a user does: one object for each user."""

    def run(self, number: int) -> Outcome:
        """Run the test for the *number*-th time, from 0 on; raises whatever ended the user."""

    def close(self) -> None:
        """The user leaves."""


#: Who runs the code that runs now: greenlets and threads that it starts included.
current_user: ContextVar[LoadsUser | None] = ContextVar('current_user', default=None)


def one_hit(user: LoadsUser) -> None:
    """The one task."""
    user.hit()


class LoadsUser(User):
    """Made anew for each cycle; `Process` gives the class the process it belongs to."""

    abstract = True
    tasks = [one_hit]
    process: ClassVar[Process]

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        #: Over all cycles and agents.
        self.number = self.process.next_user_number()
        self._done = 0
        self._hits: Hits | None = None

    def hit(self) -> None:
        """Run the test once more, or leave."""
        process = self.process
        if process.is_over(self._done):
            raise StopUser
        if self._hits is None:
            current_user.set(self)
            self._hits = process.make_hits(self)
        number, self._done = self._done, self._done + 1
        if process.fault_proxy is not None:
            process.fault_proxy.begin_hit(self.number)
        began = perf_counter()
        try:
            outcome = self._hits.run(number)
        except BaseException:
            process.stats.cut += 1
            raise
        process.stats.end_hit(outcome, perf_counter() - began)
        if process.fault_proxy is not None:
            process.fault_proxy.end_hit(self.number, outcome)

    def on_stop(self) -> None:
        if self._hits is not None:
            self._hits.close()
