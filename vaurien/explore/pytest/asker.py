"""Finds out who has sent a request: the application, and from which line, or the test itself."""

from __future__ import annotations

import gc
import inspect
import os
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from threading import Lock, get_ident
from types import FrameType
from typing import Any, NamedTuple

from vaurien.explore.sockets import list_sockets
from vaurien.explore.watching import Requester
from vaurien.records.observer import ObservedLink

#: Files of the standard library in which a thread or a task waits for work, and not for the reply to a request.
_WAITING = (
    'queue.py',
    'socketserver.py',
    'concurrent/futures/thread.py',
    'asyncio/queues.py',
    'asyncio/locks.py',
)
#: What the folder of a project has.
_MARKERS = ('pyproject.toml', 'setup.cfg', 'setup.py', '.git')
#: The folders that packages are installed in.
_PACKAGES = frozenset({'site-packages', 'dist-packages'})
_TEST_FOLDERS = frozenset({'test', 'tests'})

#: Held by a thread that looks where the others are.
_reading = Lock()


class _Place(NamedTuple):
    """A file of the project."""

    is_test: bool
    shown: str


class _Asking(NamedTuple):
    """A place from which a request may have been sent. They sort by likelihood, the likeliest first."""

    is_waiting: bool
    is_test: bool
    shown: str
    line: int


class Asker:
    """Tells the application's requests from those of the test.

    It is asked in the proxy's thread, while whoever has sent the request waits for the reply. Each thread, and each
    task of an event loop, is where its innermost frame of the project is. If that is in the application anywhere, the
    application has asked: a test that waits for a server in another thread has not.
    """

    def __init__(self, folder: Path, patterns: Sequence[str] = ('test_*.py', '*_test.py')) -> None:
        """*folder* is where the tests were started, and *patterns* are the names of files with tests."""
        self._folder = folder
        folders = (folder, *folder.parents)
        self._root = next((each for each in folders if any((each / name).exists() for name in _MARKERS)), folder)
        self._patterns = patterns
        installed = {
            *map(sysconfig.get_path, ('stdlib', 'platstdlib', 'purelib', 'platlib')),
            str(Path(os.__file__).parent),
            str(Path(__file__).parents[2]),
        }
        #: The longest first: packages are in a folder of the standard library.
        self._installed = tuple(sorted((f'{path}{os.sep}' for path in installed), key=len, reverse=True))
        self._places: dict[str, _Place | None] = {}

    def find(self) -> Requester:
        """Return who has asked, to the best of what can be seen."""
        current = get_ident()
        found = [
            asking for ident, frame in _read_frames().items() if ident != current for asking in self._look_into(frame)
        ]
        if not found:
            return Requester(is_own=False)
        asking = min(found)
        where = '' if asking.is_test else f'{asking.shown}:{asking.line}'
        return Requester(is_own=asking.is_test, where=where)

    def _look_into(self, frame: FrameType) -> Iterator[_Asking]:
        """Yield where a thread is, and where the tasks of its event loop are."""
        stack = list(_walk(frame))
        if (asking := self._find_innermost(stack)) is not None:
            yield asking
        for each in stack:
            if each.f_code.co_name == 'run_forever' and each.f_code.co_filename.endswith('asyncio/base_events.py'):
                for task in sys.modules['asyncio'].all_tasks(each.f_locals['self']):
                    if (asking := self._find_innermost(_walk_task(task))) is not None:
                        yield asking
                return

    def _find_innermost(self, stack: Sequence[FrameType]) -> _Asking | None:
        """Return where the project has asked: behind what a driver calls back, unless there is nothing else."""
        innermost: _Asking | None = None
        for i, frame in enumerate(stack):
            place = self._find_place(frame.f_code.co_filename)
            if place is None:
                continue
            asking = _Asking(_is_waiting(stack), place.is_test, place.shown, frame.f_lineno)
            innermost = innermost or asking
            if place.is_test:
                break
            if not self._is_called_back(stack, i):
                return asking
        return innermost

    def _is_called_back(self, stack: Sequence[FrameType], i: int) -> bool:
        """Return whether a library has called what is there, only to be called by it: a method that is overridden.

        A generator that a library goes through is that, too.
        """
        if i + 1 == len(stack) or self._find_place(stack[i + 1].f_code.co_filename) is not None:
            return False
        is_generator = bool(stack[i].f_code.co_flags & inspect.CO_GENERATOR)
        return is_generator or (i > 0 and self._find_package(stack[i - 1]) == self._find_package(stack[i + 1]))

    def _find_package(self, frame: FrameType) -> str:
        """Return the name of the folder or file that is installed and has the code of *frame*."""
        filename = frame.f_code.co_filename
        prefix = next((prefix for prefix in self._installed if filename.startswith(prefix)), '')
        parts = Path(filename.removeprefix(prefix)).parts
        return parts[max((i + 1 for i, part in enumerate(parts[:-1]) if part in _PACKAGES), default=0)]

    def _find_place(self, filename: str) -> _Place | None:
        """Return what is known of a file; None if it is not one of the project."""
        try:
            return self._places[filename]
        except KeyError:
            place = self._places[filename] = self._classify(filename)
            return place

    def _classify(self, filename: str) -> _Place | None:
        if filename.startswith('<'):
            return None
        path = Path(filename).absolute()
        if str(path).startswith(self._installed) or not _PACKAGES.isdisjoint(path.parts):
            return None
        inside = path.relative_to(self._root) if path.is_relative_to(self._root) else Path(path.name)
        is_test = (
            path.name == 'conftest.py'
            or any(fnmatch(path.name, pattern) or fnmatch(str(inside), pattern) for pattern in self._patterns)
            or not _TEST_FOLDERS.isdisjoint(inside.parts[:-1])
        )
        return _Place(is_test, os.path.relpath(path, self._folder))


def _read_frames() -> dict[int, FrameType]:
    """Return where each thread is.

    If garbage is collected meanwhile, all threads wait for each other for ever: in CPython 3.11 and before, and in
    3.12.0 (https://github.com/python/cpython/issues/106883).
    """
    with _reading:  # or another thread would take this pause for the setting
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            return sys._current_frames()
        finally:
            if was_enabled:
                gc.enable()


def _walk(frame: FrameType | None) -> Iterator[FrameType]:
    """Yield the frames of a thread, the innermost first."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def _walk_task(task: Any) -> list[FrameType]:
    """Return the frames of a task that waits, the innermost first; none of one that runs: its thread shows where."""
    frames: list[FrameType] = []
    awaited = task.get_coro()
    while awaited is not None:
        is_running, frame, awaited = _step_into(awaited)
        if is_running:
            return []
        if frame is None:
            break
        frames.append(frame)
    return frames[::-1]


def _step_into(awaited: Any) -> tuple[bool, FrameType | None, Any]:
    """Return whether a coroutine or generator runs, and if not, its frame and what it awaits itself.

    CPython 3.11 and 3.12 may crash if they are asked what one awaits that runs. Here it cannot begin to run meanwhile:
    the interpreter does not change threads between one attribute and the next, as it does behind a call.
    """
    if hasattr(awaited, 'cr_frame'):
        frame = awaited.cr_frame
        return (True, None, None) if awaited.cr_running else (False, frame, awaited.cr_await)
    if hasattr(awaited, 'gi_frame'):
        frame = awaited.gi_frame
        return (True, None, None) if awaited.gi_running else (False, frame, awaited.gi_yieldfrom)
    return False, None, None


def _is_waiting(stack: Sequence[FrameType]) -> bool:
    """Return whether a thread or a task waits for work, and not for a thread that it has just started."""
    is_waiting = False
    for frame in stack:
        filename = frame.f_code.co_filename
        if filename.endswith('/threading.py'):
            if frame.f_code.co_name == 'start':
                return False
            is_waiting = True
        elif not filename.endswith('/selectors.py'):
            return is_waiting or filename.endswith(_WAITING)
    return is_waiting


class LinkAsker:
    """Tells who asks on the links of one proxy: the client may be another process, such as a server under test."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._is_foreign: dict[int, bool] = {}

    def find(self, link: ObservedLink) -> Requester:
        """Return who has sent the request that has just come on *link*."""
        requester = self._asker.find()
        if not requester.is_own:
            return requester
        if link.number not in self._is_foreign:  # this takes longer, and stays as it is
            client = link.client_address
            self._is_foreign[link.number] = client is not None and client not in list_sockets()
        return Requester(is_own=False) if self._is_foreign[link.number] else requester
