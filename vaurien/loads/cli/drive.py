"""Carry out what the settings say: make a run, show its progress, and hand its results to the outputs."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import gevent
from gevent.pool import Group

from vaurien.console import log
from vaurien.console.background import in_background
from vaurien.console.output import diverting_output, fail, print_line
from vaurien.console.signals import on_signals
from vaurien.errors import ConfigError, SetupError, find_reason
from vaurien.explore.model import Injection
from vaurien.explore.replaying import describe_missed
from vaurien.explore.showing.report import check_report, write_report
from vaurien.explore.showing.score import Score
from vaurien.loads.cli import cluster
from vaurien.loads.cli.progress import show_progress
from vaurien.loads.cluster.seal import SECRET
from vaurien.loads.outputs import OUTPUTS, Output
from vaurien.loads.plan import Plan
from vaurien.loads.users.command_hits import split_command
from vaurien.loads.users.user_process import LocalRun
from vaurien.loads.vaurien_flag import read_words

if TYPE_CHECKING:
    from vaurien.loads.report import Report
    from vaurien.loads.settings import Settings
    from vaurien.loads.users.run import Run

#: Seconds between two calls of `Output.tick`.
TICK = 1.0

logger = logging.getLogger(__name__)


def drive(settings: Settings) -> int:
    """Do what the settings ask for, and return the exit status. Raises `ConfigError`, `SetupError` or `StartError`."""
    log.set_up('warning', '-', settings.log_format)
    secret = settings.secret or os.environ.get(SECRET, '')
    if settings.ping_broker or settings.purge_broker:
        return cluster.ask(settings, secret)
    if settings.check_cluster:
        return cluster.check(settings, secret)
    if settings.attach:
        return follow(cluster.attach(settings, secret), settings)
    enter(settings.test_dir)
    plan = make_plan(settings)
    if not plan.agents:
        return follow(LocalRun(plan), settings)
    run = cluster.begin(plan, settings, secret)
    return follow(run, settings) if run is not None else 0


def enter(test_dir: str) -> None:
    """Change to the folder of the test, so that the test can be imported. Raises `ConfigError`."""
    try:
        os.chdir(test_dir or '.')
    except OSError as error:
        raise ConfigError(f'cannot enter {test_dir}: {error.strerror}', '--test-dir') from None
    sys.path.insert(0, str(Path.cwd()))


def make_plan(settings: Settings) -> Plan:
    """Return the plan that the settings describe. Raises `ConfigError`."""
    if settings.test_runner:
        try:
            split_command(settings.test_runner, settings.fqn)
        except ConfigError as error:
            raise ConfigError(error.description, '--test-runner') from None
    words = settings.vaurien.words if settings.vaurien else ()
    if settings.vaurien:
        try:
            read_words(words, settings.server_url)
        except ConfigError as error:
            raise error.within('--vaurien') from None
    if settings.explore_fault:
        try:
            Injection.parse(settings.explore_fault)
        except ConfigError as error:
            raise error.within('--explore-fault') from None
    return Plan(
        test=settings.fqn,
        cycles=settings.cycles(),
        agents=settings.agents or 0,
        server_url=settings.server_url,
        test_runner=settings.test_runner,
        vaurien=words,
        explore=bool(settings.explore),
        explore_fault=settings.explore_fault,
        python_dep=tuple(settings.python_dep),
        no_patching=settings.no_patching,
        project_name=settings.project_name,
        user_id=settings.user_id,
    )


def follow(run: Run, settings: Settings) -> int:
    """Execute a run, or follow it, and return its exit status."""
    if settings.explore:
        check_report(Path(settings.explore))
    outputs, greenlets = make_outputs(settings), Group()
    owns_stdout = any(output.owns_stdout for output in outputs)
    for output in outputs:
        output.start(run)
    failure: SetupError | None = None
    with ExitStack() as stack:
        if owns_stdout:
            stack.enter_context(diverting_output())  # what tests print, and what they start
        stack.enter_context(in_background(keep_output=True, log_format=settings.log_format))
        stack.enter_context(_stopping(run))
        if not settings.quiet:
            greenlets.spawn(show_progress, run)
        greenlets.spawn(_tick, run, outputs)
        try:
            run.execute()
        except SetupError as error:
            if run.started is None:
                raise
            failure, run.interrupted = error, True
        finally:
            greenlets.kill()
    report = run.report()
    errors, status = finish(outputs, run, report), report.status
    if isinstance(run, LocalRun) and (explored := run.conclude()) is not None:
        write_report(Path(settings.explore), [explored])
        said = f'Explored: {Score.count([explored])}. The report is in {settings.explore}.'
        print_line(said, sys.stderr if owns_stdout else sys.stdout)
        if settings.explore_fault and not explored.cells:
            why = explored.problem or describe_missed([Injection.parse(settings.explore_fault)], [explored])
            status = max(fail('loads-runner', f'--explore-fault: {why}', 1), status)
    if failure or errors:
        raise failure or errors[0]
    return status


def finish(outputs: list[Output], run: Run, report: Report) -> list[Exception]:
    """Give the results to all outputs, and return the errors of those that did not take them."""
    errors: list[Exception] = []
    for output in outputs:
        try:
            output.finish(run, report)
        except Exception as error:
            if errors:  # the first one is raised
                _warn_failed(output, error)
            errors.append(error)
    return errors


def make_outputs(settings: Settings) -> list[Output]:
    """Return the outputs that the settings name. Raises `ConfigError`."""
    outputs = []
    for name in dict.fromkeys(settings.output):
        options = OUTPUTS[name].resolve(settings.output_options.get(name, {}))
        outputs.append(OUTPUTS[name](options))
    if settings.statsd:
        from vaurien.loads.outputs.statsd import StatsD

        outputs.append(StatsD(settings.statsd.address))
    if settings.influxdb:
        from vaurien.loads.outputs.influxdb import InfluxDB

        try:
            outputs.append(InfluxDB(settings.influxdb))
        except ConfigError as error:
            raise error.within('--influxdb') from None
    if settings.web_port is not None:
        from vaurien.loads.outputs.web import WebPage

        outputs.append(WebPage(settings.web_port, quiet=settings.quiet))
    return outputs


def _tick(run: Run, outputs: list[Output]) -> None:
    failed: set[Output] = set()
    while True:
        gevent.sleep(TICK)
        if run.started is not None:
            run.publish_problems()
            for output in outputs:
                try:
                    output.tick(run)
                except Exception as error:  # it may pass; and the others go on
                    if output not in failed:
                        failed.add(output)
                        _warn_failed(output, error)


def _warn_failed(output: Output, error: Exception) -> None:
    logger.warning('the output %s has failed: %s', output.name, find_reason(error))


def _stopping(run: Run) -> AbstractContextManager[None]:
    """Stop the run at SIGINT or SIGTERM within the block."""
    loop = gevent.get_hub().loop
    greenlets = Group()

    def end() -> None:
        run.interrupt()  # at once: in unpatched runs, it takes long until the event loop can call anything
        loop.run_callback_threadsafe(greenlets.spawn, run.stop)

    return on_signals(end)
