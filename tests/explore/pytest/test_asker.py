"""Who has sent a request: the application in any thread or task, the test itself, or another process."""

from __future__ import annotations

import asyncio
import gc
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.servers import TIMEOUT
from vaurien.explore.pytest import asker as asker_module
from vaurien.explore.pytest.asker import Asker
from vaurien.explore.watching import Requester

APPLICATION = """
import asyncio
import sqlite3

def call(function):
    return function()

def wait_for_work(work):
    return work.get()

async def await_work(work):
    return await work.get()

async def call_later(function):
    return await function()

async def call_now_through(function):
    return await call_now(function)

async def call_now(function):
    return function()
"""

#: As a driver does it: in a file that is not one of the project.
DRIVER = """
import asyncio

def ask(questions, question):
    questions.put(question)
    while not question.answers:
        pass
    return question.answers[0]

async def ask_later(ask):
    return await asyncio.get_running_loop().run_in_executor(None, ask)
"""

TEST = """
def call(function):
    return function()
"""

LIBRARY = """
def call(function):
    return function()

def call_in_generator(function):
    yield function()

def go_through(make):
    return next(make())
"""


def load(path: Path, text: str) -> ModuleType:
    """Return a module of that text, as if it had been imported from there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    module = ModuleType(path.stem)
    exec(compile(text, str(path), 'exec'), vars(module))
    return module


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / 'pyproject.toml').touch()
    return tmp_path


@pytest.fixture
def application(project: Path) -> ModuleType:
    return load(project / 'shop' / 'orders.py', APPLICATION)


class Question:
    """What the thread of a proxy is asked."""

    def __init__(self) -> None:
        self.answers: list[Requester] = []


@pytest.fixture
def ask(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Requester]]:
    """Ask who asks, and have another thread find out, as the thread of a proxy does it."""
    asker = Asker(project)
    # Threads that other tests have left, such as those that read what a server prints, are not in the project.
    read, others = asker_module._read_frames, sys._current_frames().keys() - {threading.get_ident()}
    monkeypatch.setattr(
        asker_module, '_read_frames', lambda: {key: frame for key, frame in read().items() if key not in others}
    )
    questions: queue.Queue[Question | None] = queue.Queue()

    def answer() -> None:
        while (question := questions.get()) is not None:
            question.answers.append(asker.find())

    thread = threading.Thread(target=answer)
    thread.start()
    driver: dict[str, Any] = {}
    exec(compile(DRIVER, '<driver>', 'exec'), driver)
    yield eval('lambda: ask(questions, Question())', driver | {'questions': questions, 'Question': Question})
    questions.put(None)
    thread.join(TIMEOUT)


def test_the_application_asks_from_its_innermost_line(application: ModuleType, ask: Callable[[], Requester]) -> None:
    assert application.call(ask) == Requester(is_own=False, where='shop/orders.py:6')


@pytest.mark.parametrize('name', ['test_orders.py', 'orders_test.py', 'conftest.py', 'tests/helpers.py'])
def test_the_test_asks_from_its_files(project: Path, name: str, ask: Callable[[], Requester]) -> None:
    test = load(project / name, TEST)
    assert test.call(ask) == Requester(is_own=True)


def test_a_test_is_in_the_application_when_it_calls_that(
    project: Path, application: ModuleType, ask: Callable[[], Requester]
) -> None:
    test = load(project / 'test_orders.py', TEST)
    assert test.call(lambda: application.call(ask)).where == 'shop/orders.py:6'
    assert application.call(lambda: test.call(ask)).is_own


def test_the_application_may_ask_in_a_thread_while_the_test_waits(
    project: Path, application: ModuleType, ask: Callable[[], Requester]
) -> None:
    test = load(project / 'test_orders.py', TEST)
    found: list[Requester] = []
    thread = threading.Thread(target=lambda: found.append(application.call(ask)))
    thread.start()
    test.call(thread.join)
    assert found == [Requester(is_own=False, where='shop/orders.py:6')]


def test_a_thread_of_the_application_that_waits_for_work_has_not_asked(
    project: Path, application: ModuleType, ask: Callable[[], Requester]
) -> None:
    test = load(project / 'test_orders.py', TEST)
    work: queue.Queue[None] = queue.Queue()
    thread = threading.Thread(target=application.wait_for_work, args=(work,))
    thread.start()
    try:
        assert test.call(ask).is_own
    finally:
        work.put(None)
        thread.join(TIMEOUT)


@pytest.mark.parametrize('wrapper', ['call', 'call_in_generator'])
def test_what_a_driver_calls_back_is_passed_over(
    project: Path, application: ModuleType, ask: Callable[[], Requester], wrapper: str
) -> None:
    orm, driver = (load(project / 'site-packages' / name / 'code.py', LIBRARY) for name in ('orm', 'driver'))
    method = getattr(load(project / 'shop' / 'database.py', LIBRARY), wrapper)
    in_driver = partial(
        driver.call if wrapper == 'call' else driver.go_through, partial(method, partial(driver.call, ask))
    )
    assert application.call(partial(orm.call, in_driver)) == Requester(is_own=False, where='shop/orders.py:6')


def test_what_a_framework_calls_is_not_passed_over(
    project: Path, application: ModuleType, ask: Callable[[], Requester]
) -> None:
    framework, driver = (load(project / 'site-packages' / name / 'code.py', LIBRARY) for name in ('web', 'driver'))
    middleware = load(project / 'shop' / 'middleware.py', LIBRARY)
    view = partial(application.call, partial(driver.call, ask))
    assert middleware.call(partial(framework.call, view)) == Requester(is_own=False, where='shop/orders.py:6')


def test_tasks_of_an_event_loop_ask(application: ModuleType, ask: Callable[[], Requester]) -> None:
    driver: dict[str, Any] = {}
    exec(compile(DRIVER, '<driver>', 'exec'), driver)

    async def run() -> Requester:
        work: asyncio.Queue[None] = asyncio.Queue()
        waiting = asyncio.create_task(application.await_work(work))
        try:
            return await asyncio.create_task(application.call_later(lambda: driver['ask_later'](ask)))
        finally:
            work.put_nowait(None)
            await waiting

    assert asyncio.run(run()) == Requester(is_own=False, where='shop/orders.py:15')


def test_a_task_that_runs_asks_from_where_its_thread_is(application: ModuleType, ask: Callable[[], Requester]) -> None:
    async def run() -> Requester:
        requester: Requester = await asyncio.create_task(application.call_now_through(ask))
        return requester

    assert asyncio.run(run()) == Requester(is_own=False, where='shop/orders.py:21')


def test_no_garbage_is_collected_while_threads_are_looked_at(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    def note() -> dict[int, Any]:
        seen.append(gc.isenabled())
        return {}

    monkeypatch.setattr(sys, '_current_frames', note)
    Asker(project).find()
    assert (seen, gc.isenabled()) == ([False], True)
