"""Findings that are accepted: what counts as the same one, and files that cannot be used."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.explore.showing.page_of_docs import read_block
from tests.explore.showing.sample import POINTS, make_cell, make_explored
from vaurien.errors import ConfigError
from vaurien.explore.model import Explored, Injection, Outcome, Point
from vaurien.explore.showing.baseline import NOTHING, Accepted, Baseline, format_baseline, load_baseline
from vaurien.explore.showing.findings import find_findings, should_fail
from vaurien.framing.meaning import Effect
from vaurien.framing.trials import Kind

CHARGE = POINTS[4]
LATER = Point(proxy='payments', request='POST /charge', nth=7, effect=Effect.WRITE)

FILE = """\
[[accepted]]
faults = ["payments: POST /charge #1 lost"]
outcomes = ["twice", "storm"]
reason = "The provider knows the order."

[[accepted]]
faults = ["payments: POST /charge #1 late(1.2s)"]
outcomes = ["wrong"]
test = "test_one"
reason = "It is mended next week."

[[accepted]]
faults = ["payments: POST /charge #1 half(9 bytes)"]
outcomes = ["leaked"]
reason = "It ends at once."
"""


@pytest.fixture
def baseline(tmp_path: Path) -> Baseline:
    path = tmp_path / 'baseline.toml'
    path.write_text(FILE)
    return load_baseline(path)


def test_the_fault_and_the_outcome_are_what_is_accepted(baseline: Baseline) -> None:
    accepted = make_cell(CHARGE, Kind.LOST, Outcome.TWICE, Outcome.RETRIED)
    assert baseline.find(accepted) == 'The provider knows the order.'
    assert baseline.find(make_cell(LATER, Kind.LOST, Outcome.TWICE)) == 'The provider knows the order.'
    assert baseline.find(make_cell(CHARGE, Kind.LOST, Outcome.TWICE, Outcome.STORM)) != ''


def test_what_is_worse_or_elsewhere_is_new(baseline: Baseline) -> None:
    assert baseline.find(make_cell(CHARGE, Kind.LOST, Outcome.TWICE, Outcome.WRONG)) == ''
    assert baseline.find(make_cell(CHARGE, Kind.HALF, Outcome.TWICE)) == ''
    assert baseline.find(make_cell(CHARGE, Kind.LOST, Outcome.TWICE, for_ever=True)) == ''
    assert baseline.find(make_cell(CHARGE, Kind.LOST, Outcome.TWICE, detail='x')) == ''
    assert baseline.find(make_cell(POINTS[5], Kind.LOST, Outcome.TWICE)) == ''


def test_how_much_of_a_reply_came_does_not_matter(baseline: Baseline) -> None:
    assert baseline.find(make_cell(CHARGE, Kind.HALF, Outcome.LEAKED, detail='10 bytes')) == 'It ends at once.'


def test_how_late_a_reply_was_does_not_matter_and_a_test_does_if_it_is_named(baseline: Baseline) -> None:
    late = make_cell(CHARGE, Kind.LATE, Outcome.WRONG, detail='2.9s', test='test_one')
    assert baseline.find(late) == 'It is mended next week.'
    assert baseline.find(make_cell(CHARGE, Kind.LATE, Outcome.WRONG, detail='1.2s', test='test_two')) == ''


def test_an_accepted_cell_is_no_part_of_a_new_finding(baseline: Baseline) -> None:
    found = [one for one in find_findings(make_explored(), baseline) if one.cause is Outcome.TWICE]
    assert [(one.reason, [str(cell.injections[0]) for _, cell in one.cells]) for one in found] == [
        ('', ['payments: POST /charge #1 half']),
        ('The provider knows the order.', ['payments: POST /charge #1 lost']),
    ]


def test_the_file_that_the_docs_show_accepts_what_they_say(tmp_path: Path) -> None:
    path = tmp_path / 'vaurien-baseline.toml'
    path.write_text(read_block(path.name))
    assert load_baseline(path).find(make_cell(CHARGE, Kind.LOST, Outcome.TWICE)) == (
        'The provider knows an order again by its number.'
    )


def test_only_what_is_new_fails_and_only_for_outcomes_that_are_asked_for(baseline: Baseline) -> None:
    def fails(outcome: Outcome, kind: Kind = Kind.LOST) -> bool:
        cells = [make_cell(CHARGE, kind, outcome), make_cell(CHARGE, Kind.REFUSED, Outcome.DECLARED)]
        findings = find_findings([Explored(test='test_one', cells=cells)], baseline)
        return should_fail(findings, {Outcome.TWICE, Outcome.WRONG})

    assert fails(Outcome.WRONG)
    assert fails(Outcome.TWICE, Kind.HALF)
    assert not fails(Outcome.TWICE)  # accepted
    assert not fails(Outcome.HUNG)
    assert not fails(Outcome.ABSORBED)


def test_a_file_of_all_findings_is_read_once_each_has_a_reason(tmp_path: Path, baseline: Baseline) -> None:
    path = tmp_path / 'baseline.toml'
    path.write_text(format_baseline(make_explored(), baseline))
    text = path.read_text()
    assert text.count('[[accepted]]') == 7
    assert text.count('reason = "The provider knows the order."') == 1
    with pytest.raises(ConfigError, match=r'baseline\.toml:6: accepted\[0\]\.reason: say why it is accepted$'):
        load_baseline(path)
    path.write_text(text.replace('reason = ""', 'reason = "so it is"'))
    assert all(one.reason for one in find_findings(make_explored(), load_baseline(path)))
    assert not any(one.reason for one in find_findings(make_explored(), NOTHING))


def test_any_text_is_read_back(tmp_path: Path) -> None:
    reason = 'déjà 😀 \x7f "so" \\ it\tis'
    injection = Injection(proxy='redis', request='SET 😀 "\\', nth=1, kind=Kind.LOST)
    cell = msgspec.structs.replace(make_cell(CHARGE, Kind.LOST, Outcome.TWICE), injections=(injection,))
    accepted = Accepted(faults=(str(injection),), outcomes=frozenset({Outcome.TWICE}), reason=reason)
    path = tmp_path / 'baseline.toml'
    path.write_text(format_baseline([Explored(test='test_one', cells=[cell])], Baseline([accepted])))
    assert load_baseline(path).find(cell) == reason


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('[[accepted', r'\.toml:1: .* end of an array declaration'),
        ('acepted = []', r"\.toml:1: acepted: no such key, did you mean 'accepted'\?$"),
        ('accepted = 3', r'\.toml:1: accepted: expected a list, got a number$'),
        (FILE.replace('test =', 'tset ='), r"accepted\[1\]\.tset: no such key, did you mean 'test'\?$"),
        (
            FILE.replace('"twice"', '"twcie"'),
            r"accepted\[0\]\.outcomes\[0\]: 'twcie' is unknown, did you mean 'twice'\?$",
        ),
        (FILE.replace('["wrong"]', '"wrong"'), r'accepted\[1\]\.outcomes: expected a list, got a text$'),
        (FILE.partition('reason')[0], r'accepted\[0\]\.reason: it is missing: say which faults are accepted, which'),
        (FILE.replace('#1 lost', 'lost'), r'accepted\[0\]\.faults: .* is no fault such as'),
        (FILE.replace('["twice", "storm"]', '[]'), r'accepted\[0\]\.outcomes: expected a list that is not empty$'),
        ('\udcff', 'not UTF-8: byte 0xff'),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / 'baseline.toml'
    path.write_bytes(text.encode(errors='surrogateescape'))
    with pytest.raises(ConfigError, match=said) as caught:
        load_baseline(path)
    assert str(caught.value).startswith(f'{path}:')
    assert '\n' not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'none\.toml: cannot read it: No such file or directory$'):
        load_baseline(tmp_path / 'none.toml')
