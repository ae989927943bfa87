"""Try the faults that matter on a command, and show what came of it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from vaurien.cli.explore.flags import NAME, Arguments
from vaurien.cli.explore.progress import Progress
from vaurien.console import log
from vaurien.console.output import print_line, print_styled, warn
from vaurien.console.signals import on_signals
from vaurien.console.statuses import INTERRUPTED
from vaurien.explore.command_runner import CommandRunner
from vaurien.explore.environment import describe_obstacle
from vaurien.explore.explorer import explore, study
from vaurien.explore.judging import judge
from vaurien.explore.model import Explored, Injection
from vaurien.explore.replaying import describe_missed, find_candidate
from vaurien.explore.settings import ExploreSettings
from vaurien.explore.showing.findings import find_findings, should_fail
from vaurien.explore.showing.report import check_report, write_report
from vaurien.explore.showing.terminal import show

#: How many lines of the output of a command are shown if it fails without a fault.
LINES = 20


def run(arguments: Arguments) -> int:
    """Explore, show what was found out, and return the exit status.

    Raise `ConfigError`, `StartError`, `UnwrittenError`.
    """
    log.set_up('error', '-', arguments.log_format)  # faults that are injected are no news
    if arguments.settings.report is not None:
        check_report(Path(arguments.settings.report))
    explored = Explored(test=shlex.join(arguments.command), replay=arguments.replay)
    progress = Progress(explored)
    runners = [CommandRunner(arguments.command, *each, progress.begin) for each in arguments.environments]
    is_interrupted = False

    def interrupt() -> None:
        for runner in runners:
            runner.interrupt()

    with ExitStack() as stack:
        for runner in runners:
            stack.enter_context(runner)
        stack.enter_context(on_signals(interrupt))
        try:
            first, *others = runners
            if arguments.faults:
                try_again(first, arguments.faults, explored, arguments.settings)
            else:
                for cell in explore(first, arguments.settings, explored, others=others):
                    progress.note(cell)
        except KeyboardInterrupt:
            is_interrupted = True
        finally:
            progress.end()
    output = next((runner.output for runner in runners if not runner.has_passed), '')
    if explored.problem and output:
        print_line('\n'.join(output.splitlines()[-LINES:]))
    conclude(explored, arguments)
    return INTERRUPTED if is_interrupted else int(has_failed(explored, arguments))


def try_again(
    runner: CommandRunner, faults: Sequence[Injection], explored: Explored, settings: ExploreSettings
) -> None:
    """Run the command with *faults*, once it is known what it does without."""
    learned = study(runner, settings, explored)
    if learned is None:
        return
    limit = settings.limit or learned.limit
    faulty = runner.run_visibly(faults, limit)
    explored.runs += 1
    explored.seconds += faulty.seconds
    explored.cells.append(judge(runner.test, find_candidate(faults, learned), faulty, learned, settings))


def conclude(explored: Explored, arguments: Arguments) -> None:
    """Show what was found out, and write the report; raise `UnwrittenError` if it cannot be written."""
    console, report = Console(), arguments.settings.report
    print_styled(show([explored], console.width, console.is_terminal and not console.no_color, arguments.baseline))
    for backend in arguments.environment.backends:
        is_asked = any(point.proxy == backend.proxy for point in explored.points)
        if not is_asked and (obstacle := describe_obstacle(backend)):
            warn(NAME, obstacle)
        elif not is_asked and explored.runs > 1:
            warn(NAME, f'no request came to {backend.proxy}: does the command read {backend.variable.name}?')
    if arguments.faults and not explored.problem and (missed := describe_missed(arguments.faults, [explored])):
        warn(NAME, missed)
    if report is not None:
        write_report(Path(report), [explored], arguments.baseline, arguments.settings.fail)
        print_line(f'The report is in {report}.')


def has_failed(explored: Explored, arguments: Arguments) -> bool:
    """Return whether there is anything new to mend, or nothing could be found out."""
    if explored.problem or not explored.points:
        return True
    if arguments.faults and describe_missed(arguments.faults, [explored]):
        return True
    return should_fail(find_findings([explored], arguments.baseline), arguments.settings.fail)
