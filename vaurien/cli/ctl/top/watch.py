"""What ``vaurienctl top`` does on a terminal: it draws what it is told, and does what the keys say."""

from __future__ import annotations

import sys
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread

from rich.console import Console, Group
from rich.live import Live

from vaurien.cli.ctl.top.acts import arm, cut, disarm, switch
from vaurien.cli.ctl.top.board import Board, ProxyRow
from vaurien.cli.ctl.top.keys import Keyboard, leaving_in_order, suspend
from vaurien.cli.ctl.top.once import make_ended_error
from vaurien.cli.ctl.top.screen import View, draw
from vaurien.client import Client, Event
from vaurien.errors import ControlError
from vaurien.rules.match import Pattern

#: What keys do: move the selection, do something with the selected proxy.
MOVES = {'up': -1, 'k': -1, 'down': 1, 'j': 1}
ACTS = {'a': arm, 'x': disarm, 'd': switch, 'c': cut}

#: How long keys are waited for before events are looked for, in seconds.
PAUSE = 0.25


def watch(client: Client, pattern: Pattern | None) -> None:
    """Show what goes through the proxies until ``q`` is pressed; raise `ControlError` if the process ends.

    The terminal is left as it was, whatever happens.
    """
    watching = Watching(client, pattern)
    Thread(target=watching.follow, daemon=True).start()
    watching.begin()
    try:
        with leaving_in_order():
            while watching.show():
                suspend()
    except OSError:  # the terminal has gone
        return


class Watching:
    """Shows on the terminal what is told, and does what keys say."""

    def __init__(self, client: Client, pattern: Pattern | None) -> None:
        self._client = client
        self._board = Board()
        self._view = View(pattern=pattern)
        self._told: SimpleQueue[Event | Exception] = SimpleQueue()
        self._is_over = self._is_suspended = False

    def follow(self) -> None:
        """Have every event shown, and at the end the reason for it. This is for a thread: it waits."""
        try:
            while self._follow_once():  # who was too slow was dropped, and begins anew
                pass
            raise make_ended_error(self._client)
        except Exception as error:  # for the other thread to raise
            self._told.put(error)

    def _follow_once(self) -> bool:
        """Follow the events to their end; return whether there were any but the first."""
        is_told = False
        for event in self._client.events():
            self._told.put(event)
            is_told = event.name != 'snapshot'
        return is_told

    def begin(self) -> None:
        """Wait for the first event; raise `ControlError` if none comes."""
        self._take(self._told.get())

    def show(self) -> bool:
        """Show everything until a key ends it; return whether it is to go on later."""
        self._is_suspended = False
        console = Console()
        screen = Live(console=console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)
        with Keyboard(sys.stdin) as keyboard, screen:
            has_changed = True
            while not (self._is_over or self._is_suspended):
                if has_changed:
                    screen.update(self._draw(console), refresh=True)
                keys = keyboard.read(PAUSE)
                for key in keys:
                    self._press(key)
                has_changed = self._take_events() or bool(keys)
        return self._is_suspended

    def _draw(self, console: Console) -> Group:
        return draw(self._board, self._view, self._client.url, console.width, console.height)

    def _take_events(self) -> bool:
        """Take the events that have come; return whether the picture has changed. Raise what has ended them."""
        has_changed = False
        while True:
            try:
                name = self._take(self._told.get_nowait())
            except Empty:
                return has_changed
            has_changed = has_changed or name != 'exchange'

    def _take(self, told: Event | Exception) -> str:
        """Take an event, and return its name; raise what has ended them."""
        if isinstance(told, Exception):
            raise told
        self._board.add(told)
        return told.name

    # Keys

    def _press(self, key: str) -> None:
        self._view.message, self._view.has_failed = '', False
        if key == 'suspend':
            self._is_suspended = True
        elif self._view.typed is not None:
            self._type(self._view.typed, key)
        elif key in MOVES:
            self._move(MOVES[key])
        elif key in ACTS:
            self._act(ACTS[key])
        elif key == 's':
            self._view.order = self._view.order.next
        elif key == '/':
            self._view.typed = '' if self._view.pattern is None else str(self._view.pattern)
        elif key in ('q', 'end'):
            self._is_over = True

    def _type(self, text: str, key: str) -> None:
        """Add a key to the pattern that is being typed."""
        if key == 'enter':
            self._filter(text)
        elif key in ('escape', 'end'):
            self._view.typed = None
        elif key == 'backspace':
            self._view.typed = text[:-1]
        elif len(key) == 1 and key.isprintable():
            self._view.typed = text + key

    def _filter(self, text: str) -> None:
        self._view.typed = None
        try:
            self._view.pattern = Pattern.parse(text) if text else None
        except ValueError as error:
            self._view.message, self._view.has_failed = f'{text}: {error}', True

    def _move(self, step: int) -> None:
        """Select the proxy that is so many rows below."""
        rows = self._board.list_proxies(self._view.order)
        if rows:
            at = self._view.find_selected(rows) + step
            self._view.selected = rows[min(max(at, 0), len(rows) - 1)].name

    def _act(self, act: Callable[[Client, ProxyRow, Board], str]) -> None:
        """Do something with the selected proxy, which stays the selected one."""
        rows = self._board.list_proxies(self._view.order)
        if not rows:
            return
        row = rows[self._view.find_selected(rows)]
        self._view.selected = row.name
        try:
            text = act(self._client.proxy(row.name), row, self._board)
        except ControlError as error:
            text, self._view.has_failed = str(error), True
        self._view.message = f'{row.name}: {text}'
