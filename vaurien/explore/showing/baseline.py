"""Findings that are accepted, each with its reason, as a file of TOML has them.

    [[accepted]]
    faults = ["http: POST /charge #1 lost"]
    outcomes = ["twice"]
    reason = "The provider knows an order again by its number."

A fault is that of ``--vaurien-fault``. The number of the request does not matter, nor how late a reply was, nor how
much of it came: an accepted finding does not come back as a new one if a test asks once more, or a reply gets longer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from vaurien.config.files import read_document
from vaurien.config.source import place_in
from vaurien.errors import ConfigError
from vaurien.explore.model import SEVERITY, Cell, Explored, Injection, Outcome
from vaurien.framing.trials import Kind
from vaurien.plugins.options import did_you_mean

HEADER = """\
# Findings that are accepted. A reason has to be given for each: without one, the file is not read.
"""

#: What msgspec calls the kinds of values, and what they are called here.
_KINDS = {'array': 'a list', 'object': 'keys and values', 'str': 'a text', 'int': 'a number', 'null': 'nothing'}

#: The kinds of faults whose detail depends on what the replies of that run were like.
_MEASURED = frozenset({Kind.LATE, Kind.HALF})

_Faults = frozenset[tuple[str, str, Kind, str, bool]]


class Accepted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One finding, or those of several outcomes, that are left as they are."""

    faults: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    outcomes: Annotated[frozenset[Outcome], msgspec.Meta(min_length=1)]
    reason: str
    #: The test that it is accepted in; empty: in any.
    test: str = ''


class Baseline:
    """What is accepted. An empty one accepts nothing."""

    def __init__(self, accepted: Iterable[Accepted] = ()) -> None:
        """Take what is accepted; raise `ConfigError`, whose path is that of the entry that cannot be used."""
        self._accepted: dict[_Faults, list[Accepted]] = {}
        for i, one in enumerate(accepted):
            try:
                faults = _identify(map(Injection.parse, one.faults))
            except ConfigError as error:
                raise error.within(f'accepted[{i}].faults') from None
            if not one.reason.strip():
                raise ConfigError('say why it is accepted', f'accepted[{i}].reason')
            self._accepted.setdefault(faults, []).append(one)

    def find(self, cell: Cell) -> str:
        """Return why the findings of *cell* are accepted; empty if one of them is not."""
        fitting = [one for one in self._accepted.get(_identify(cell.injections), ()) if one.test in ('', cell.test)]
        missing = {outcome for outcome in cell.outcomes if outcome.is_finding}
        if missing - {outcome for one in fitting for outcome in one.outcomes}:
            return ''
        return ' '.join(dict.fromkeys(one.reason.strip() for one in fitting if one.outcomes & missing))


#: What is accepted where nobody has said anything.
NOTHING = Baseline()


def load_baseline(path: Path | str) -> Baseline:
    """Return what is in a file; raise `ConfigError`, which begins with its path."""
    document = read_document(str(path))
    try:
        return Baseline(msgspec.convert(document.tree, _File).accepted)
    except msgspec.ValidationError as error:
        misfit = _explain(error)
        raise ConfigError(misfit.description, place_in(str(path), document.lines, misfit.path)) from None
    except ConfigError as error:
        raise ConfigError(error.description, place_in(str(path), document.lines, error.path)) from None


def format_baseline(explored: Sequence[Explored], baseline: Baseline) -> str:
    """Return a file that accepts all findings. Those that *baseline* does not know have no reason yet."""
    outcomes: dict[_Faults, set[Outcome]] = {}
    cells: dict[_Faults, Cell] = {}
    for cell in (cell for test in explored for cell in test.cells if cell.worst.is_finding):
        faults = _identify(cell.injections)
        cells.setdefault(faults, cell)
        outcomes.setdefault(faults, set()).update(one for one in cell.outcomes if one.is_finding)
    entries = [
        f'\n[[accepted]]\nfaults = {_format([str(one) for one in cell.injections])}\n'
        f'outcomes = {_format([one.value for one in SEVERITY if one in outcomes[faults]])}\n'
        f'reason = {_format(baseline.find(cell))}\n'
        for faults, cell in cells.items()
    ]
    return HEADER + ''.join(entries)


class _File(msgspec.Struct, forbid_unknown_fields=True):
    accepted: list[Accepted] = []


def _explain(error: msgspec.ValidationError) -> ConfigError:
    """Return what is wrong with the file, where, and what to write there."""
    problem, _, place = str(error).partition(' - at `$')
    path = place.rstrip('`').removeprefix('.')
    word = ''.join(re.findall(r"[`'](.*)[`']$", problem))
    if problem.startswith('Object missing'):
        return ConfigError(
            'it is missing: say which faults are accepted, which outcomes, and the reason', f'{path}.{word}'
        )
    if problem.startswith('Object contains'):
        keys = list((Accepted if path else _File).__struct_fields__)
        return ConfigError(f'no such key, {did_you_mean(word, keys)}', f'{path}.{word}'.removeprefix('.'))
    if problem.startswith('Invalid enum'):
        findings = [outcome.value for outcome in Outcome if outcome.is_finding]
        return ConfigError(f'{word!r} is unknown, {did_you_mean(word, findings)}', path)
    expected = re.sub(r'`(\w+)`', lambda kind: _KINDS.get(kind[1], kind[1]), problem)
    return ConfigError(expected.lower().replace(' of length >= 1', ' that is not empty'), path)


def _identify(injections: Iterable[Injection]) -> _Faults:
    return frozenset(
        (one.proxy, one.request, one.kind, '' if one.kind in _MEASURED else one.detail, one.for_ever)
        for one in injections
    )


def _format(value: str | list[str]) -> str:
    """Return a value of TOML. Its strings have the escapes of JSON, but for those of two halves, as emoji have them."""
    return json.dumps(value, ensure_ascii=False).replace('\x7f', '\\u007f')
