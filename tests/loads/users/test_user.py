"""A user runs its test as often as its owner wants, and counts each hit with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
from gevent import GreenletExit
from locust.env import Environment

from tests.loads.engine import in_engine
from vaurien.explore.model import Failure
from vaurien.loads.stats import Outcome
from vaurien.loads.users.user import Hits, LoadsUser, current_user


class Owner:
    """Wants each user to make *most* hits, which *run* makes; keeps what it is told."""

    def __init__(self, most: int, run: Callable[[LoadsUser, int], Outcome]) -> None:
        self.told: list[Any] = []
        self.closed: list[int] = []
        self._most = most
        self._run = run
        self._numbers = iter(range(10, 20))

    def next_user_number(self) -> int:
        return next(self._numbers)

    def is_over(self, done: int) -> bool:
        return done >= self._most

    def make_hits(self, user: LoadsUser) -> Hits:
        return OwnHits(self, user, self._run)

    def begin_hit(self, user: int) -> None:
        self.told.append(('begin', user))

    def end_hit(self, user: int, outcome: Outcome, seconds: float, failure: Failure | None) -> None:
        assert 0 <= seconds < 5
        self.told.append((outcome, user))

    def cut_hit(self, user: int) -> None:
        self.told.append(('cut', user))


class OwnHits:
    """The hits of one user."""

    failure: Failure | None = None

    def __init__(self, owner: Owner, user: LoadsUser, run: Callable[[LoadsUser, int], Outcome]) -> None:
        self._owner = owner
        self._user = user
        self._run = run

    def run(self, number: int) -> Outcome:
        return self._run(self._user, number)

    def close(self) -> None:
        self._owner.closed.append(self._user.number)


def run_users(owner: Owner, users: int, *, stop_after: float | None = None) -> None:
    """Run some users to their end, or kill them."""

    def run(environment: Environment) -> None:
        runner = environment.create_local_runner()
        runner.spawn_users({'Users': users})
        runner.user_greenlets.join(stop_after)
        runner.user_greenlets.kill()

    user_class = type('Users', (LoadsUser,), {'owner': owner})
    in_engine(run, lambda: Environment(user_classes=[user_class]))


def test_exactly_so_many_hits() -> None:
    numbers: list[int] = []

    def run(user: LoadsUser, number: int) -> Outcome:
        numbers.append(number)
        gevent.sleep(0)
        return 'success' if number else 'failure'

    owner = Owner(3, run)
    run_users(owner, 2)
    assert sorted(numbers) == [0, 0, 1, 1, 2, 2]
    for user in (10, 11):
        told = [word for word, who in owner.told if who == user]
        assert told == ['begin', 'failure', 'begin', 'success', 'begin', 'success']
    assert sorted(owner.closed) == [10, 11]


def test_nothing_to_do() -> None:
    owner = Owner(0, lambda user, number: 'success')
    run_users(owner, 2)
    assert (owner.told, owner.closed) == ([], [])


def test_a_hit_that_is_cut_off() -> None:
    def run(user: LoadsUser, number: int) -> Outcome:
        gevent.sleep(3600)
        return 'success'

    owner = Owner(3, run)
    run_users(owner, 1, stop_after=0.01)
    assert owner.told == [('begin', 10), ('cut', 10)]
    assert owner.closed == [10]


def test_whose_code_runs() -> None:
    seen: list[tuple[LoadsUser, LoadsUser | None]] = []

    def note(user: LoadsUser) -> None:
        seen.append((user, current_user()))

    def run(user: LoadsUser, number: int) -> Outcome:
        note(user)
        child = gevent.Greenlet(lambda: gevent.Greenlet.spawn(note, user).join())
        child.start()
        child.join()
        return 'success'

    run_users(Owner(2, run), 2)
    assert len({user.number for user, _ in seen}) == 2
    assert len(seen) == 8
    assert all(user is current for user, current in seen)
    assert current_user() is None


def test_an_error_of_the_hits_ends_the_user() -> None:
    """Hits raise only what ends a user; it is for them to count anything else."""

    def run(user: LoadsUser, number: int) -> Outcome:
        raise GreenletExit

    owner = Owner(2, run)
    run_users(owner, 1)
    assert owner.told == [('begin', 10), ('cut', 10)]
