"""What was found out, as text: a matrix for each test, then the findings in words, then the score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import StringIO

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from vaurien.console.output import make_printable
from vaurien.explore.model import Explored, Outcome
from vaurien.explore.showing.baseline import NOTHING, Baseline
from vaurien.explore.showing.findings import Finding, find_findings
from vaurien.explore.showing.matrix import KINDS, Row, Square, make_rows
from vaurien.explore.showing.score import Score, count_untried
from vaurien.explore.showing.words import (
    count,
    describe_apart,
    describe_faults,
    describe_place,
    find_remedy,
    join,
    list_others,
)

STYLES = {
    **dict.fromkeys((Outcome.WRONG, Outcome.TWICE, Outcome.HUNG), 'bold red'),
    **dict.fromkeys((Outcome.LEAK, Outcome.STORM, Outcome.LEAKED), 'bold yellow'),
    Outcome.DECLARED: 'cyan',
    Outcome.RETRIED: 'cyan',
    Outcome.ABSORBED: 'green',
    Outcome.NOT_HIT: 'dim',
}

#: The columns that a request is to have. A matrix rather does without the lines of the application, which the findings
#: have, too, and then shortens the names of faults.
REQUEST_MIN = 28
SHORT = 3
#: Columns between two others.
GAP = 2
#: The most columns for the name of a proxy and for a line of the application, and the most characters of a message.
PROXY_MAX = 12
WHERE_MAX = 30
MESSAGE_MAX = 400
#: The most messages of a finding, and how much of a request is shown at the least.
MESSAGES_MAX = 3
PLACE_MIN = 16


def show(explored: Sequence[Explored], width: int, colour: bool, baseline: Baseline = NOTHING) -> str:
    """Return all of it, for lines of *width* columns. Only the commands to be copied may be longer."""
    output = StringIO()
    console = Console(
        file=output,
        width=width,
        force_terminal=colour,
        color_system='standard' if colour else None,
        markup=False,
        emoji=False,
        highlight=False,
    )
    for test in explored:
        _print_test(console, test)
    findings = find_findings(explored, baseline)
    for number, finding in enumerate((one for one in findings if not one.reason), 1):
        _print_finding(console, number, finding)
    for finding in (one for one in findings if one.reason):
        _print_accepted(console, finding)
    _print_summary(console, explored, findings)
    return ''.join(f'{line.rstrip()}\n' for line in output.getvalue().splitlines())


def _print_test(console: Console, test: Explored) -> None:
    rows = make_rows(test)
    console.print(_text(test.test, 'bold'), overflow='fold')
    if test.problem:
        console.print(_text(f'not explored: {_join_lines(test.problem)}', 'yellow'), overflow='fold')
    elif not rows:
        console.print('nothing to explore: the application asked nothing')
    else:
        console.print(_text(', '.join(_describe(test)), 'dim'), overflow='fold')
        console.print(_make_table(rows, console.width))
    if apart := describe_apart(test):
        console.print(_text(apart, 'yellow'), overflow='fold')
    console.print()


def _describe(test: Explored) -> Iterator[str]:
    """Yield what is to be known before the matrix is read."""
    yield str(Score.count([test]))
    if test.own:
        yield f'left alone {count(test.own, "request")} of the test itself'
    if not test.is_stable:
        yield 'unstable: its requests are not the same in each run'


def _make_table(rows: Sequence[Row], width: int) -> Table:
    heads = [kind.value for kind in KINDS]
    proxies = min(PROXY_MAX, max(len(row.proxy) for row in rows))
    wheres = min(WHERE_MAX, max(len(row.where) for row in rows))
    free = width - proxies - GAP - sum(len(head) + GAP for head in heads)
    if wheres and free - wheres - GAP >= REQUEST_MIN:
        free -= wheres + GAP
    else:
        wheres = 0
    if free < REQUEST_MIN:
        heads = [head[:SHORT] for head in heads]
        free = width - proxies - GAP - sum(len(head) + GAP for head in heads)
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    table.add_column(no_wrap=True, overflow='ellipsis', width=proxies, style='dim')
    table.add_column('request', no_wrap=True, overflow='ellipsis', max_width=max(free, SHORT))
    if wheres:
        table.add_column('asked by', no_wrap=True, width=wheres, style='dim')
    for head in heads:
        table.add_column(head, no_wrap=True, justify='center', width=len(head))
    proxy = ''
    for row in rows:
        where = [_text(_shorten(row.where))] if wheres else []
        name = _text('' if row.proxy == proxy else row.proxy)
        table.add_row(name, _format_request(row, free), *where, *map(_format_square, row.squares))
        proxy = row.proxy
    return table


def _format_request(row: Row, width: int) -> Text:
    """Return the text of a request, whose number stays if there is not enough room for all of it."""
    number = f' {row.number}' if row.number else ''
    text = _text(row.request)
    text.truncate(max(width - len(number), SHORT), overflow='ellipsis')
    return text.append(number)


def _format_square(square: Square) -> Text:
    return Text(square.letter, STYLES[square.worst] if square.worst else 'dim')


def _print_finding(console: Console, number: int, finding: Finding) -> None:
    heading = Text.assemble(
        f'{number:>2}  ', (join([outcome.value for outcome in finding.outcomes]), STYLES[finding.worst])
    )
    where = _text(finding.where and f'  {finding.where}')
    place = _text(f'  {describe_place(finding)}', 'bold')
    place.truncate(max(console.width - len(heading) - len(where), PLACE_MIN), overflow='ellipsis')
    console.print(heading.append_text(place).append_text(where), overflow='fold')
    for other, line in list_others(finding):
        also = _text(f'    and {other}')
        where = _text(line and f'  {line}')
        also.truncate(max(console.width - len(where), PLACE_MIN), overflow='ellipsis')
        console.print(also.append_text(where), overflow='fold')
    others = len(finding.tests) - 1
    tests = finding.tests[0] + (f' and {count(others, "more test")}' if others else '')
    messages = [_join_lines(message) for message in finding.messages[:MESSAGES_MAX]]
    if more := len(finding.messages[MESSAGES_MAX:]):
        messages.append(f'and {count(more, "more message")}')
    for text in (describe_faults(finding), *messages, find_remedy(finding), f'in {tests}'):
        if text:
            console.print(Padding(_text(text), (0, 0, 0, 4)), overflow='fold')
    # A command that is copied must be in one piece.
    console.print(_text(f'    $ {finding.replay}', 'dim'), soft_wrap=True)
    console.print()


def _print_accepted(console: Console, finding: Finding) -> None:
    outcomes = join([outcome.value for outcome in finding.outcomes])
    text = f'    accepted: {outcomes}  {describe_place(finding)}: {_join_lines(finding.reason)}'
    console.print(_text(text, 'dim'), overflow='fold')


def _print_summary(console: Console, explored: Sequence[Explored], findings: Sequence[Finding]) -> None:
    accepted = sum(bool(one.reason) for one in findings)
    found = count(len(findings) - accepted, 'finding') + (f', {accepted} accepted' if accepted else '')
    score = str(Score.count(explored))
    console.print(_text(f'{found}; {score}', 'bold'), overflow='fold')
    if reasons := count_untried(explored):
        parts = [f'{number} ({reason})' for reason, number in reasons.most_common()]
        console.print(_text(f'not tried: {", ".join(parts)}'), overflow='fold')
    seen = {cell.worst for test in explored for cell in test.cells}
    legend = [f'{outcome.letter} {outcome.value}' for outcome in Outcome if outcome in seen]
    if any(test.untried for test in explored):
        legend.append('? not tried')
    for line in _fold(legend, console.width):
        console.print(_text(line, 'dim'))


def _fold(parts: Sequence[str], width: int) -> Iterator[str]:
    """Yield lines of whole parts."""
    line = ''
    for part in parts:
        if line and len(line) + GAP + len(part) > width:
            yield line
            line = ''
        line = f'{line}{" " * GAP}{part}' if line else part
    if line:
        yield line


def _shorten(where: str) -> str:
    """Return the end of a line of the application, which tells more than its beginning."""
    return where if len(where) <= WHERE_MAX else f'…{where[1 - WHERE_MAX :]}'


def _join_lines(text: str) -> str:
    joined = ' '.join(text.split())
    return joined if len(joined) <= MESSAGE_MAX else f'{joined[: MESSAGE_MAX - 1]}…'


def _text(text: str, style: str = '') -> Text:
    return Text(make_printable(text), style)
