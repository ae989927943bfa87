"""``explore.json`` has a record for each cell, and is read back as it was written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.explore.showing.page_of_docs import read_block
from tests.explore.showing.sample import PLACE, POINTS, inject, make_cell, make_explored
from vaurien.errors import ConfigError
from vaurien.explore.model import Cell, Explored, Outcome, ReplayCommand
from vaurien.explore.showing.records import read_records, write_records
from vaurien.framing.meaning import Effect
from vaurien.framing.trials import Kind

#: Any text that JSON can carry.
TEXTS = st.text(st.characters(exclude_categories=['Cs']), max_size=20)


def test_all_is_read_back(tmp_path: Path) -> None:
    explored = make_explored()
    explored[0].replay = ReplayCommand(before=('vaurien', 'explore'), flag='--fault', after=('--', 'npm', 'test'))
    explored[1].apart = ('redis',)
    write_records(tmp_path / 'explore.json', explored)
    assert read_records(tmp_path / 'explore.json') == explored


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS, TEXTS, st.sets(st.sampled_from(Outcome), min_size=1), st.lists(st.sampled_from(Kind), min_size=1))
def test_any_cell_is_read_back(tmp_path: Path, test: str, text: str, outcomes: set[Outcome], kinds: list[Kind]) -> None:
    cell = Cell(
        test=test,
        injections=tuple(inject(POINTS[i % 7], kind, text, for_ever=bool(i % 2)) for i, kind in enumerate(kinds)),
        effect=Effect.WRITE,
        where=text,
        outcomes=frozenset(outcomes),
        message=text,
    )
    write_records(tmp_path / 'explore.json', [Explored(test=test, cells=[cell])])
    assert read_records(tmp_path / 'explore.json') == [Explored(test=test, cells=[cell])]


def test_a_record_says_all_of_its_cell(tmp_path: Path) -> None:
    write_records(tmp_path / 'explore.json', make_explored())
    file = json.loads((tmp_path / 'explore.json').read_text())
    assert file['score'] == {'survived': 16, 'tried': 23, 'possible': 31}
    [record] = [cell for cell in file['cells'] if cell['fault'] == 'payments: POST /charge #1+ refused']
    assert record.pop('entries')
    assert record == {
        'test': PLACE,
        'proxy': 'payments',
        'request': 'POST /charge',
        'nth': 1,
        'kind': 'refused',
        'detail': '',
        'ever': True,
        'fault': 'payments: POST /charge #1+ refused',
        'effect': 'write',
        'where': 'shop/payments.py:31',
        'outcomes': ['storm'],
        'message': 'POST /charge came 40 times in 2 s',
        'replay': f"pytest {PLACE} --vaurien-fault 'payments: POST /charge #1+ refused'",
        'seconds': 0.05,
        'times': [],
        'also': [],
    }
    assert [one['reason'] for one in file['untried']].count('in a loop') == 4


def test_the_record_that_the_docs_show_is_one_of_the_file(tmp_path: Path) -> None:
    write_records(tmp_path / 'explore.json', make_explored())
    cells = json.loads((tmp_path / 'explore.json').read_text())['cells']
    shown = json.loads(read_block('cell.json'))
    assert shown in [{name: cell[name] for name in shown} for cell in cells]


@pytest.mark.parametrize(
    ('old', 'new', 'said'),
    [
        ('', '{', 'Input data was truncated'),
        ('"form":1', '"form":2', 'form: this version reads files of form 1, and this one is of form 2'),
        ('"kind":"lost"', '"kind":"last"', r"Invalid enum value 'last' - at `\$\.cells\[0\]\.kind`"),
        ('"outcomes":["wrong"]', '"outcomes":[]', 'has no outcome'),
        ('"sent":64', f'"sent":64,"options":{{"a":{"[" * 1_000_000}{"]" * 1_000_000}}}', 'nested too deeply'),
        (f'"tests":[{{"test":"{PLACE}"', '"tests":[{"test":"other"', f"there is no test '{PLACE}'"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_the_reason(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / 'explore.json'
    cell = make_cell(POINTS[4], Kind.LOST, Outcome.WRONG)
    write_records(path, [Explored(test=PLACE, cells=[cell])])
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new) if old else new)
    with pytest.raises(ConfigError, match=said) as caught:
        read_records(path)
    assert str(caught.value).startswith(f'{path}: ')
