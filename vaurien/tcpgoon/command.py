"""``tcpgoon run``: from settings to an exit status."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import TextIO

from vaurien.console import log
from vaurien.console.background import in_background
from vaurien.console.output import make_printable, print_json, print_line, warn
from vaurien.console.picture import check_picture
from vaurien.console.signals import on_signals_in_loop
from vaurien.errors import ConfigError
from vaurien.tcpgoon.dialer import Dialer
from vaurien.tcpgoon.display import make_display
from vaurien.tcpgoon.plan import Test, check_limits, plan
from vaurien.tcpgoon.plot import draw
from vaurien.tcpgoon.prompt import confirm
from vaurien.tcpgoon.report import format_statistics, print_instances
from vaurien.tcpgoon.result import Result, worst_status
from vaurien.tcpgoon.settings import Settings
from vaurien.tcpgoon.summary import summarize, summarize_application


def run(settings: Settings, words: Sequence[str]) -> int:
    """Test the targets that *words* name, and return the exit status; raise `VaurienError`."""
    if settings.verbose:
        log.set_up('warning', '-', settings.log_format)
        logging.getLogger('vaurien.tcpgoon').setLevel(logging.DEBUG)
    if settings.plot is not None:
        _check_plot(settings.plot)
    tests = plan(settings, words)
    stream = sys.stderr if settings.json else sys.stdout
    for warning in check_limits(settings, tests):
        warn('tcpgoon', warning)
    targets = [test.recipe.target.address for test in tests]
    if not settings.assume_yes and not confirm(targets, settings.connections, stream):
        return 1
    with in_background(keep_output=True, log_format=settings.log_format):
        results = run_tests(tests, settings, sys.stderr if settings.json else sys.stdout)
    if settings.json:
        application = settings.eureka is not None
        summary = summarize_application(results, words[0]) if application else summarize(results[0])
        print_json(summary)
    elif settings.eureka is not None:
        print_instances(results)
    if settings.plot is not None:
        draw(Path(settings.plot), [(result.test.title, result.record) for result in results])
    return worst_status(results)


def run_tests(tests: Sequence[Test], settings: Settings, stream: TextIO) -> list[Result]:
    """Run the tests one after the other. Print their status to *stream*, and their statistics, unless as JSON."""
    results: list[Result] = []
    for number, test in enumerate(tests, 1):
        if len(tests) > 1:
            print_line(f'instance {number} of {len(tests)}: {make_printable(test.title)}', stream)
        results.append(run_test(test, settings, stream))
        if not settings.json:
            print_line(format_statistics(test.recipe.target.address, results[-1].record))
        if results[-1].record.interrupted:
            break
    return results


def run_test(test: Test, settings: Settings, stream: TextIO) -> Result:
    """Run a test to its end, or until a signal ends it."""
    began = datetime.now(timezone.utc)
    with closing(Dialer(test.recipe, settings)) as dialer, on_signals_in_loop(dialer.interrupt):
        display = make_display(dialer, settings, stream)
        dialer.begin()
        display.begin()
        try:
            dialer.wait()
        finally:
            display.end()
    return Result(test, settings, began, dialer.record)


def _check_plot(path: str) -> None:
    try:
        check_picture(Path(path))
    except ConfigError as error:
        raise error.within('--plot') from None
