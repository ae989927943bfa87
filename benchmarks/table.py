"""Print the results as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.results import Results
from benchmarks.scenarios import SCENARIOS, TARGETS, Kind, Scenario, Target


def number(value: float | None) -> str:
    """Return a value with three significant digits, or without decimals from 100 on."""
    if value is None:
        return ''
    return f'{value:,.0f}' if abs(value) >= 100 else f'{value:.3g}'


def table(heading: list[str], rows: list[list[str]], texts: int) -> str:
    """Return a table. The first columns, as many as *texts*, are aligned to the left."""
    rule = ['---' if column < texts else '---:' for column in range(len(heading))]
    lines = [heading, rule, *rows]
    return '\n'.join(f'| {" | ".join(line)} |' for line in lines)


def report(results: Results, machine: Sequence[str]) -> str:
    """Return the report: the machine, a table for each scenario, and the targets."""
    parts = ['\n'.join(f'- {line}' for line in machine)]
    parts += [_scenario(scenario, results) for scenario in SCENARIOS if results.samples.get(scenario.name)]
    targets = [_target(target, results) for target in TARGETS if results.samples.get(target.scenario)]
    if targets:
        parts.append(
            '### Targets\n\n' + table(['scenario', 'contender', 'what', 'at most', 'reached', ''], targets, texts=3)
        )
    return '\n\n'.join(parts)


def _scenario(scenario: Scenario, results: Results) -> str:
    columns = results.columns(scenario.name)
    rows = []
    for name in (contender.name for contender in scenario.contenders):
        if results.samples[scenario.name].get(name):
            cells = [number(results.median(scenario.name, name, column)) for column in columns]
            ratio = results.ratio(scenario.name, name, scenario.reference.name, scenario.judged)
            rows.append([name, *cells, number(ratio)])
    heading = f'{scenario.judged}, relative to {scenario.reference.name}'
    return f'### {scenario.name}\n\n' + table(['', *columns, heading], rows, texts=1)


def _target(target: Target, results: Results) -> list[str]:
    reached = results.reached(target)
    mark = 'not measured' if reached is None else 'pass' if reached <= target.limit else '**miss**'
    what = f'added {target.column}' if target.kind is Kind.ADDED else target.column
    if target.theirs:
        what += f', relative to {target.theirs.name}'
    return [target.scenario, target.ours.name, what, number(target.limit), number(reached), mark]
